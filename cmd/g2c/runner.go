package main

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"g2c/checkpoint"
	"g2c/internal/fault"
	"g2c/internal/memlimit"
	"g2c/internal/pki"
	"g2c/kernels"
	"g2c/worker/agent"
	"g2c/worker/agent/runners"
	"g2c/worker/runner"
)

// runnerVerb is the verb that a worker starts for each task.
const runnerVerb = "runner"

// newRunner is `g2c runner`, which is for workers alone.
func newRunner() *cobra.Command {
	return &cobra.Command{
		Use: runnerVerb, Short: "Run one task of a worker, which starts this", Hidden: true, Args: cobra.MaximumNArgs(1),
		RunE: func(*cobra.Command, []string) error { return serveWorker() },
	}
}

// runnerSettings are a worker's flags as its runners need them. Secrets are none of them:
// those are in files and in the environment, which runners inherit.
type runnerSettings struct {
	Worker, Kind, Store, Certs string
	Slots                      int
	Listens                    bool // others reach the worker
	Cache, CacheLimit          string
	SkipBad, Recheck           bool
}

// settings are those of slots of a kind.
func (f *workerFlags) settings(kind string, slots int) (json.RawMessage, error) {
	return json.Marshal(runnerSettings{
		Worker: f.id, Kind: kind, Slots: slots, Store: f.store, Certs: f.certs, Listens: f.listen != "",
		Cache: f.cache, CacheLimit: f.cacheLimit, SkipBad: f.skipBad, Recheck: f.recheck,
	})
}

func (s *runnerSettings) images() *imageFlags {
	return &imageFlags{cache: s.Cache, cacheLimit: s.CacheLimit, skipBad: s.SkipBad, recheck: s.Recheck, beside: s.Slots}
}

// serveWorker is a runner's life.
func serveWorker() error {
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP) // the worker hears them, and says what to do
	w, err := runners.Inherited()
	if err != nil {
		return err
	}
	if err := runners.GoFirst(); err != nil {
		say("note: where memory runs out, the system may end the worker before its tasks: %v", err)
	}
	return w.Serve(probeSlots, prepareRunner)
}

// probeSlots opens the devices of slots and closes them.
func probeSlots(settings json.RawMessage, numbers []int) (found runners.Found, err error) {
	var s runnerSettings
	if err := json.Unmarshal(settings, &s); err != nil {
		return found, err
	}
	kind := built.kind(s.Kind)
	var all []slot
	if len(numbers) == s.Slots {
		all, err = built.slots(kind, s.Slots)
	} else {
		for _, n := range numbers {
			one, e := built.slot(kind, n)
			if err = e; err != nil {
				break
			}
			all = append(all, one)
		}
	}
	for i, one := range all {
		if i == 0 {
			found = runners.Found{Device: kind, Class: one.device.Class(), Memory: memoryOf(one.device, len(all))}
		}
		if e := one.device.Close(); err == nil {
			err = e
		}
	}
	return found, err
}

// memoryOf is what a slot has: a device's own memory, or its part of the machine's. It is in whole
// GiB, since machines that are alike differ in less, and are to count as alike.
func memoryOf(d kernels.Device, slots int) int64 {
	bytes, known := memlimit.Whole()
	bytes /= int64(slots)
	if sized, ok := d.(kernels.Sized); ok {
		own, err := sized.Memory()
		bytes, known = own, err == nil
	}
	if !known {
		return 0
	}
	return bytes >> 30 << 30
}

// prepareRunner makes what runs a task in this process, as an executor of the worker would.
func prepareRunner(ctx context.Context, j runners.Job) (agent.Executor, func(), error) {
	var s runnerSettings
	if err := json.Unmarshal(j.Settings, &s); err != nil {
		return nil, nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil)).With("worker", s.Worker)
	life, stop := context.WithCancel(context.Background())
	id, err := s.identity(life, j.Reload, log)
	if err != nil {
		stop()
		return nil, nil, err
	}
	with := newGangServer(s.Worker, s.Listens, id, j.Number-1, log)
	open, err := s.trains(ctx)
	if err != nil {
		stop()
		with.close()
		return nil, nil, err
	}
	with.serve(j.Connections)
	lent := runner.NewLent(s.Worker, j.Lender, open, func(err error) { log.Warn("a slot was given back", "error", err) })
	return runner.NewExecutor(lent, with.peers), func() {
		with.close()
		stop()
	}, nil
}

// identity is the worker's certificate; nil for none.
func (s *runnerSettings) identity(ctx context.Context, reload <-chan struct{}, log *slog.Logger) (*pki.Identity, error) {
	if s.Certs == "" {
		return nil, nil
	}
	id, err := pki.Load(s.Certs)
	if err == nil {
		go rereadCertificates(ctx, id, reload, log)
	}
	return id, err
}

// trains is how the runner of a slot is made.
func (s *runnerSettings) trains(ctx context.Context) (func(n int) (*runner.Runner, error), error) {
	store, _, err := openNoted(ctx, s.Store) // the worker has said the notes
	if err != nil {
		return nil, err
	}
	data, err := s.images().opener()
	if err != nil {
		return nil, err
	}
	repo, packs := checkpoint.New(store), &runner.Packs{Paths: data, Store: store, Cache: data.Cache}
	return func(n int) (*runner.Runner, error) {
		on, err := built.slot(s.Kind, n)
		if err != nil { // another process may find it well
			return nil, fault.New(fault.ErrUnavailable, "slot %d is %w: %w", n, kernels.ErrLost, err)
		}
		return &runner.Runner{
			Name: on.name, Device: on.device, Alone: s.Kind != "cuda", Repo: repo, Data: data, Packs: packs, Now: time.Now, Energy: meterOf,
		}, nil
	}, nil
}

// runnerCommand is a runner of this binary: the running one, though another may lie in its
// place by now.
func runnerCommand(task string) *exec.Cmd {
	self := "/proc/self/exe"
	if _, err := os.Stat(self); err != nil {
		self = os.Args[0]
		if path, err := os.Executable(); err == nil {
			self = path
		}
	}
	c := exec.Command(self, runnerVerb)
	if task != "" { // for people who list processes
		c.Args = append(c.Args, task)
	}
	c.Args[0] = os.Args[0]
	return c
}
