package main

import (
	"os"
	"time"

	"github.com/spf13/cobra"

	"g2c/coordinator/server"
)

// coordinatorFlags are those of `g2c coordinator`.
type coordinatorFlags struct {
	id, listen, advertise, dataDir, certs string
	bootstrap, single                     bool
	peers, join                           string
	store, metrics                        string
	lease, heartbeat, keep                time.Duration
	growAfter, dwell                      time.Duration
	lateGain                              int
	requireTokens                         bool
	route                                 []string
	routes                                routes // of route, once validated
}

// newCoordinator is `g2c coordinator`.
func newCoordinator() *cobra.Command {
	var f coordinatorFlags
	c := &cobra.Command{
		Use:   "coordinator",
		Short: "Serve a cluster: take experiments, and give their tasks to workers",
		Long: `Serve a cluster: take experiments, and give their tasks to workers.

Three coordinators keep one state, and go on while two of them live. A folder that is
new founds a cluster, with --bootstrap and all its --peers or alone with --single, or
becomes part of one with --join; one that was part of a cluster goes on by itself.
Without --data-dir, --single keeps everything in memory: for trying things.

Without --certs it listens on loopback alone. Certificates that are issued anew into
their folder are taken up without a restart, at once on SIGHUP.

` + exitCodes,
		Args: usage(cobra.NoArgs),
		RunE: func(c *cobra.Command, _ []string) error {
			if f.certs == "" { // with certificates, a hangup says to read them again
				defer stopOnHangup(c)()
			}
			return runCoordinator(c.Context(), &f)
		},
	}
	d := server.DefaultConfig()
	c.Flags().StringVar(&f.id, "id", "", "name of this coordinator, as in its certificate")
	c.Flags().StringVar(&f.listen, "listen", "", "host:port for everything: API and other coordinators")
	c.Flags().StringVar(&f.advertise, "advertise", "", "host:port under which others reach it (default that of --listen)")
	c.Flags().StringArrayVar(&f.route, "route", nil, "ADDRESS=INSTEAD: where to dial another coordinator in place of its address (repeatable)")
	c.Flags().StringVar(&f.dataDir, "data-dir", "", "folder of the log and the state")
	c.Flags().StringVar(&f.certs, "certs", os.Getenv("G2C_CERTS"), "folder of this coordinator's certificate")
	c.Flags().BoolVar(&f.bootstrap, "bootstrap", false, "found a cluster with all --peers")
	c.Flags().StringVar(&f.peers, "peers", "", "id@host:port of all coordinators that found the cluster, with commas between them")
	c.Flags().StringVar(&f.join, "join", "", "host:port of coordinators whose cluster this one is to become part of")
	c.Flags().BoolVar(&f.single, "single", false, "be a cluster alone")
	c.Flags().StringVar(&f.store, "store", "", storeHelp+" of checkpoints and data, the same as the workers'; none: what is done is what workers say")
	c.Flags().StringVar(&f.metrics, "metrics", "", "host:port of /metrics, /healthz and /readyz; on loopback, of /debug/pprof too")
	c.Flags().DurationVar(&f.lease, "lease", d.Lease, "how long a worker may be silent before its tasks go elsewhere")
	c.Flags().DurationVar(&f.heartbeat, "heartbeat", 0, "how often workers speak (default a fifth of the lease)")
	c.Flags().DurationVar(&f.heartbeat, "beat", 0, "what --heartbeat was called")
	c.Flags().Lookup("beat").Hidden = true
	c.Flags().DurationVar(&f.growAfter, "grow-after", time.Duration(d.Policy.GrowAfterMS)*time.Millisecond, "how long a task runs as it was placed before idle slots join it")
	c.Flags().DurationVar(&f.dwell, "dwell", time.Duration(d.Policy.DwellMS)*time.Millisecond, "the least time between two changes of a task's slots that nothing forces")
	c.Flags().IntVar(&f.lateGain, "late-gain", d.Policy.LateGain, "by how many per cent a step has to be shorter without a worker that its gang waits for, so that the gang goes on without it; -1 for never")
	c.Flags().DurationVar(&f.keep, "keep", d.Keep, "how long experiments are remembered after their end")
	c.Flags().BoolVar(&f.requireTokens, "require-tokens", false, "people need a token beside their certificate")
	addConfig(c)
	c.AddCommand(newCoordinatorBackup(), newCoordinatorRestore())
	return c
}
