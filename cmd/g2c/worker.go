package main

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"g2c/api/client"
	"g2c/internal/clock"
	"g2c/internal/fault"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
	"g2c/worker/agent"
)

// workerFlags are those of `g2c worker`.
type workerFlags struct {
	id, server, certs, slots, store string
	listen, advertise               string
	imageFlags
	rehearse     time.Duration
	notice       time.Duration
	fail, broken string
}

// newWorker is `g2c worker`.
func newWorker() *cobra.Command {
	var f workerFlags
	c := &cobra.Command{
		Use:   "worker",
		Short: "Serve a cluster: take tasks from its coordinator and train them",
		Long: `Serve a cluster: take tasks from its coordinator and train them.

Interrupted once, a worker has its tasks save their state, deregisters and ends;
interrupted again it ends at once. Where it is killed a while after it was interrupted, --notice
says when: it has spoken to the coordinator by then, and nobody waits for its lease. Killed, cut off or gone, what it had goes on
elsewhere from the last checkpoint. Workers and whoever submits share a store.

A slot is one GPU, or the processor. Each task trains on the GPUs of its slots:
tasks of one slot side by side, and a fine-tuning that was given several on all of them.
With --listen it also trains with other workers, which exchange gradients: the coordinator
gives a task idle slots wherever they are, as far as its gang allows. Whoever of them dies,
the others go on from the step where they are. The bits are those of one.

Each task runs in a process of its own (on Linux), which ends with the worker. What ends it,
a crash, a kill, the end of memory, is the failure of that task alone. When a GPU is lost and a
new process does not find it well either, the tasks on others save their state and the
worker ends with exit code 5: start it again.

With --rehearse it pretends to train, for trying a cluster, its policies and its
failures: no data is read and nothing is stored.

` + exitCodes,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.certs == "" { // with certificates, a hangup says to read them again
				defer stopOnHangup(c)()
			}
			return runWorker(c.Context(), &f)
		},
	}
	c.Flags().StringVar(&f.id, "id", "", "name of this worker, as in its certificate")
	c.Flags().StringVar(&f.server, "server", os.Getenv("G2C_SERVER"), "host:port of each coordinator, with commas between them (G2C_SERVER)")
	c.Flags().StringVar(&f.certs, "certs", os.Getenv("G2C_CERTS"), "directory of this worker's certificate (G2C_CERTS); without one, loopback alone")
	c.Flags().StringVar(&f.slots, "slots", "cpu:1", "device and number of slots: cpu:2, or cuda:2 for the first two GPUs, one a slot")
	c.Flags().StringVar(&f.listen, "listen", "", "host:port for the other workers of a gang; port 0 for any; without it a worker trains alone")
	c.Flags().StringVar(&f.advertise, "advertise", "", "host:port where the others reach it, if that is not --listen")
	addDebugSync(c)
	c.Flags().StringVar(&f.store, "store", "runs", storeHelp+" of checkpoints")
	f.imageFlags.add(c)
	c.Flags().DurationVar(&f.notice, "notice", 0, "within what time it has to be gone once it is interrupted: what has not saved by then is stopped; 0 gives tasks the time that they need")
	c.Flags().DurationVar(&f.rehearse, "rehearse", 0, "pretend to train: every task takes as long")
	c.Flags().StringVar(&f.fail, "rehearse-fail", "", "tasks whose name contains this fail")
	c.Flags().StringVar(&f.broken, "rehearse-broken", "", "tasks whose name contains this fail for good")
	addConfig(c)
	return c
}

func runWorker(ctx context.Context, f *workerFlags) error {
	if f.id == "" || f.server == "" {
		return fault.New(fault.ErrSpec, "a worker needs --id, and --server or G2C_SERVER").WithHint("see `g2c worker --help`")
	}
	device, slots, err := parseSlots(f.slots)
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("worker", f.id)
	offer := agent.Offer{Worker: f.id, Incarnation: uint64(time.Now().UnixNano()), Slots: slots}
	if offer.Host, err = os.Hostname(); err != nil {
		return fault.New(fault.ErrUnavailable, "this machine has no name: %w", err)
	}
	offer.Boot = clock.BootID()
	id, err := f.identity(ctx, log)
	if err != nil {
		return err
	}
	port, err := f.openGangPort(id, log)
	if err != nil {
		return err
	}
	defer port.close(log)
	offer.Address = port.address
	executor, found, done, err := f.executor(ctx, device, slots, port, id, log)
	if err != nil {
		return err
	}
	defer done()
	offer.Device, offer.Class, offer.Memory = found.Device, found.Class, found.Memory
	cluster, err := f.dial(id, log)
	if err != nil {
		return err
	}
	defer cluster.Close()
	log.Info("serving", "server", f.server, "slots", slots, "device", found.Device, "class", found.Class, "rehearse", f.rehearse)
	return agent.Run(ctx, agent.Config{Offer: offer, Coordinator: agent.Over(cluster.Workers()), Executor: executor, Log: log, Notice: f.notice})
}

// identity is the worker's certificate; nil for none. It is read again when it changes, at
// once on SIGHUP, so that it can be replaced while the worker runs.
func (f *workerFlags) identity(ctx context.Context, log *slog.Logger) (*pki.Identity, error) {
	if f.certs == "" {
		return nil, nil
	}
	id, err := pki.Load(f.certs)
	if err == nil {
		go reloadCertificates(ctx, id, log)
	}
	return id, err
}

// dial prepares connections to the coordinators.
func (f *workerFlags) dial(id *pki.Identity, log *slog.Logger) (*client.Client, error) {
	cfg := client.DefaultConfig()
	cfg.Servers, cfg.Proxy = strings.Split(f.server, ","), proxyOf
	for _, s := range cfg.Servers {
		if p := proxyOf(s); p != "" {
			log.Warn("a coordinator is dialled by way of a proxy: NO_PROXY=HOST leaves it out", "server", s, "proxy", p)
		}
	}
	if id != nil {
		cfg.Credentials = grpctls.Client(id, pki.Expect{Role: pki.Coordinator})
	}
	return client.New(cfg)
}
