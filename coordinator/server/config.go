package server

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"

	"g2c/checkpoint/store"
	"g2c/coordinator/replica"
	"g2c/coordinator/scheduler"
	"g2c/internal/clock"
	"g2c/internal/fault"
)

// Config is what a server needs and how it behaves.
type Config struct {
	Replica replica.Replica
	Members replica.Members // nil where the coordinators cannot change
	Store   store.Store     // of checkpoints and data; nil for none
	Spool   string          // folder of this server's own for uploads until they are checked; empty for the system's

	// SpoolRoom says how many bytes are free where uploads are spooled; nil if nobody
	// minds. A coordinator whose log is on the same disk stops when that is full.
	SpoolRoom func() (int64, error)

	// Identify says who is at the other end of a call's connection. Its error
	// refuses the call.
	Identify func(ctx context.Context) (Caller, error)
	// Dial makes the connection to another coordinator; nil where there is none.
	Dial func(p replica.Peer) (*grpc.ClientConn, error)
	// RequireTokens gives callers without a token no rights.
	RequireTokens bool

	Leading

	Limits Limits

	Clock   clock.Clock
	Log     *slog.Logger
	Metrics prometheus.Registerer // nil for none
}

// Leading is how a coordinator behaves that leads.
type Leading struct {
	Policy    scheduler.Policy
	Lease     time.Duration // how long a worker may be silent
	Heartbeat time.Duration // how often it is to speak
	Keep      time.Duration // how long experiments are remembered after their end
	PlanEvery time.Duration // longest time between two plans: some reasons are the clock
	PlanGap   time.Duration // shortest
}

// Limits keep one caller from taking everything.
type Limits struct {
	CallsPerSecond float64 // of one caller, on average
	Burst          int     // of one caller, at once
	InFlight       int     // calls of all callers together, streams left out
	CallerInFlight int     // calls of one caller
	Streams        int     // of all callers together
	CallerStreams  int     // of one caller
	JournalBytes   int     // of all journals together

	// Memory that messages of submissions and uploads take while they are read. It is
	// taken before they are.
	BulkBytes, CallerBulkBytes int64

	UploadBytes            int64 // of one upload
	Uploads, CallerUploads int   // at a time
	UploadRate             int64 // bytes a second that an upload has to come with, from its beginning on
	SpoolFree              int64 // bytes that uploads leave free where they are spooled
}

// DefaultConfig suits a cluster of a few thousand workers. Replica, Identify and
// what is mentioned as optional are left to set.
func DefaultConfig() Config {
	return Config{
		Leading: Leading{
			Policy:    scheduler.DefaultPolicy(),
			Lease:     10 * time.Second,
			Heartbeat: 2 * time.Second,
			Keep:      30 * 24 * time.Hour,
			PlanEvery: time.Second,
			PlanGap:   10 * time.Millisecond,
		},
		Limits: Limits{
			CallsPerSecond: 1000, Burst: 2000, InFlight: 4096, CallerInFlight: 1024, Streams: 20_000, CallerStreams: 256,
			JournalBytes: 256 << 20, BulkBytes: 768 << 20, CallerBulkBytes: 192 << 20,
			UploadBytes: 64 << 30, Uploads: 16, CallerUploads: 4, UploadRate: 128 << 10, SpoolFree: 1 << 30,
		},
		Clock: clock.Real{},
		Log:   slog.New(slog.DiscardHandler),
	}
}

// Validate refuses what cannot work.
func (c *Config) Validate() error {
	switch {
	case c.Replica == nil || c.Identify == nil || c.Clock == nil || c.Log == nil:
		return fault.New(fault.ErrSpec, "a coordinator needs a replica, a way to know its callers, a clock and a log")
	case c.Lease < 3*c.Heartbeat || c.Heartbeat <= 0:
		return fault.New(fault.ErrSpec, "a lease of %v with a heartbeat of %v: a worker needs three heartbeats in two thirds of its lease", c.Lease, c.Heartbeat).
			WithHint("make the lease at least five heartbeats")
	case c.Keep <= 0 || c.PlanEvery <= 0 || c.PlanGap < 0:
		return fault.New(fault.ErrSpec, "times that are not positive: keep %v, plan every %v, plan gap %v", c.Keep, c.PlanEvery, c.PlanGap)
	case !c.Limits.positive():
		return fault.New(fault.ErrSpec, "limits that let nothing through: %+v", c.Limits)
	}
	return nil
}

// positive says whether the limits let something of everything through.
func (l Limits) positive() bool {
	return l.CallsPerSecond > 0 && l.Burst > 0 && l.InFlight > 0 && l.CallerInFlight > 0 && l.Streams > 0 && l.CallerStreams > 0 &&
		l.JournalBytes > 0 && l.BulkBytes >= maxMessageBytes && l.CallerBulkBytes >= maxMessageBytes &&
		l.UploadBytes > 0 && l.Uploads > 0 && l.CallerUploads > 0 && l.UploadRate > 0
}
