package operator

import (
	"context"
	"log/slog"
	"time"

	"g2c/api"
	"g2c/api/client"
	"g2c/internal/clock"
)

// Spec is a g2c spec, as far as the operator has to know it.
type Spec struct {
	Name    string
	Project string // as the spec says it; empty if it does not
	// Priority is what the spec says, where the resource does not.
	Priority int32
	Device   string // kind of device that it asks for: auto, cpu, cuda, ref
	Files    bool   // its data are in files, which the operator does not see
	// Works makes the tasks of a spec whose data are made up, for a numerics class.
	Works func(ctx context.Context, class string) ([]api.Work, error)
}

// Config is what an operator is made with.
type Config struct {
	// Read reads a spec as the command line does: an error of the class fault.ErrSpec says
	// where the text is wrong, and what may have been meant.
	Read func(name string, text []byte) (*Spec, error)
	// Dial makes a client of coordinators. It need not connect. The identity is the files of
	// the certificate that it shows; nil for that of the operator's own.
	Dial func(servers []string, identity map[string][]byte) (*client.Client, error)
	// Issue makes the files of the certificate of a worker whose coordinators run elsewhere;
	// nil where workers have none.
	Issue func(worker string, valid time.Duration) (map[string][]byte, error)
	// Authority makes the certificates of clusters whose coordinators the operator runs.
	Authority Authority
	// Level is that of the newest commands which this release reads.
	Level uint32
	Clock clock.Clock
	Log   *slog.Logger

	Namespace      string // the only one that is looked after; empty for all
	LeaderElection bool
	LeaderSpace    string // namespace of the lease; empty for that of the operator's pod
	Metrics        string // host:port of /metrics; 0 for none
	Health         string // host:port of /healthz and /readyz; 0 for none
	Workers        int    // resources of a kind that are looked at side by side
}

// Authority makes authorities of certificates, and issues by them. Both are files by their
// names, as Secrets hold them.
type Authority interface {
	// Found makes an authority: ca.crt and ca.key.
	Found() (map[string][]byte, error)
	// Issue makes a certificate: ca.crt and identity.pem.
	Issue(authority map[string][]byte, to Holder) (map[string][]byte, error)
}

// Holder is who a certificate is for.
type Holder struct {
	Role  string // coordinator, worker, client
	Name  string
	Grant string // of a client: submitter, admin
	Valid time.Duration
}

// Times.
const (
	// pollEvery is how often the coordinators are asked about an experiment, and about the
	// work of a pool.
	pollEvery = 10 * time.Second
	// mendEvery is how often something is looked for that another has to put right.
	mendEvery = 30 * time.Second
	// cancelFor is how long a deleted experiment waits for coordinators that would cancel it.
	cancelFor = 5 * time.Minute
	// stepEvery is how often coordinators are looked at of which something is still to change.
	stepEvery = 2 * time.Second
	// coordinatorValid is how long a coordinator's certificate is; it is renewed at half of it,
	// and a cluster is to outlive an operator that nobody misses for months.
	coordinatorValid = 365 * 24 * time.Hour
	// certificateValid is how long a worker's certificate is; it is renewed at half of it.
	certificateValid = 30 * 24 * time.Hour
)
