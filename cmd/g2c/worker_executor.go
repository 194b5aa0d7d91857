package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"
	"time"

	"g2c/checkpoint"
	"g2c/internal/pki"
	"g2c/kernels"
	"g2c/worker/agent"
	"g2c/worker/agent/gangport"
	"g2c/worker/agent/runners"
	"g2c/worker/rehearse"
	"g2c/worker/runner"
)

// executor makes what runs the tasks on slots of a device, and says what was found there.
func (f *workerFlags) executor(ctx context.Context, device string, n int, port *gangPort, id *pki.Identity, log *slog.Logger) (agent.Executor, runners.Found, func(), error) {
	switch {
	case f.rehearse > 0:
		return f.rehearser(device)
	case runtime.GOOS == "linux":
		return f.apart(ctx, device, n, port, id, log)
	}
	return f.within(ctx, device, n, port, id, log) // others have no way to end a process with its parent
}

// rehearser pretends.
func (f *workerFlags) rehearser(device string) (agent.Executor, runners.Found, func(), error) {
	kind := built.kind(device)
	d, err := built.slots(kind, 1)
	if err != nil {
		return nil, runners.Found{}, nil, err
	}
	found := runners.Found{Device: kind, Class: d[0].device.Class()}
	return &rehearse.Executor{Worker: f.id, For: f.rehearse, Fail: f.fail, Broken: f.broken}, found, func() {}, d[0].device.Close()
}

// apart runs each task in a process of its own. This one opens no device.
func (f *workerFlags) apart(ctx context.Context, device string, n int, port *gangPort, id *pki.Identity, log *slog.Logger) (agent.Executor, runners.Found, func(), error) {
	fail := func(err error) (agent.Executor, runners.Found, func(), error) { return nil, runners.Found{}, nil, err }
	if _, err := openStore(ctx, f.store); err != nil { // before any task is taken
		return fail(err)
	}
	if _, err := f.opener(); err != nil {
		return fail(err)
	}
	cfg := runners.Config{Command: runnerCommand, Slots: n, Port: port.Port, Stderr: os.Stderr, Log: log}
	var err error
	if cfg.Settings, err = f.settings(device, n); err != nil {
		return fail(err)
	}
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	found, err := runners.Probe(ctx, cfg, all...)
	if err != nil {
		return fail(err)
	}
	if cfg.Settings, err = f.settings(found.Device, n); err != nil {
		return fail(err)
	}
	log.Info("trains", "store", f.store)
	e := runners.New(cfg)
	if id != nil {
		go reloadOnHangup(ctx, e)
	}
	return e, found, func() {}, nil
}

// reloadOnHangup has runners read certificates anew when this process does.
func reloadOnHangup(ctx context.Context, e *runners.Executor) {
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			e.Reload()
		}
	}
}

// within runs all tasks in this process.
func (f *workerFlags) within(ctx context.Context, device string, n int, port *gangPort, id *pki.Identity, log *slog.Logger) (agent.Executor, runners.Found, func(), error) {
	fail := func(err error) (agent.Executor, runners.Found, func(), error) { return nil, runners.Found{}, nil, err }
	store, err := openStore(ctx, f.store)
	if err != nil {
		return fail(err)
	}
	data, err := f.opener()
	if err != nil {
		return fail(err)
	}
	kind := built.kind(device)
	slots, err := built.slots(kind, n)
	if err != nil {
		return fail(err)
	}
	repo, packs := checkpoint.New(store), &runner.Packs{Paths: data, Store: store, Cache: data.Cache}
	var devices []kernels.Device
	var all []*runner.Runner
	for _, s := range slots {
		devices = append(devices, s.device)
		all = append(all, &runner.Runner{Name: s.name, Device: s.device, Alone: kind != "cuda", Repo: repo, Data: data, Packs: packs, Now: time.Now, Energy: meterOf})
	}
	with := newGangServer(f.id, port.Port != nil, id, 0, log)
	if port.Port != nil {
		l := gangport.NewListener()
		port.TakeAll(l.HandTCP)
		with.serve(l)
	}
	log.Info("trains", "store", f.store)
	done := func() {
		with.close()
		if err := closeDevices(devices); err != nil {
			log.Warn("close devices", "error", err)
		}
	}
	return runner.NewExecutor(runner.NewPool(f.id, all...), with.peers), runners.Found{Device: kind, Class: slots[0].device.Class()}, done, nil
}
