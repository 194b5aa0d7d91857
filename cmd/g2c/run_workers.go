package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"g2c/api"
	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/server"
	"g2c/internal/fault"
	"g2c/internal/pki"
)

// Limits of worker processes under one run.
const (
	maxRunWorkers  = 256
	workerRestart  = 500 * time.Millisecond // after a worker has ended by itself
	workerPatience = 2 * time.Minute        // for a worker that saves its state
	shownLog       = 4 << 10                // bytes of the log of a worker that ended badly
)

// household is a cluster of one run: a coordinator in this process, which keeps nothing, and
// worker processes that are its children. They speak over loopback, with certificates that
// nobody else has.
type household struct {
	dir     string // certificates and logs, gone at the end
	store   string
	images  imageFlags
	slots   []string // what each worker is started with
	node    *openedNode
	server  *server.Server
	cluster *client.Client
	view    *display

	running sync.WaitGroup
}

// executeWith drives the plan on so many worker processes. One that dies is started again.
func (e *experiment) executeWith(ctx context.Context, f *experimentFlags, device, store string, view *display) (err error) {
	slots, err := workerSlots(device, f.workers)
	if err != nil {
		return err
	}
	h := &household{store: store, images: f.imageFlags, slots: slots, view: view}
	if h.dir, err = os.MkdirTemp("", "g2c-run-"); err != nil {
		return fault.New(fault.ErrUnavailable, "a folder for the certificates of workers: %w", err)
	}
	defer os.RemoveAll(h.dir)
	within, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if err := h.open(within, stop); err != nil {
		return err
	}
	defer h.cluster.Close()
	for i := range slots {
		h.running.Go(func() { h.keep(within, i) })
	}
	h.running.Go(func() { h.show(within) })
	h.running.Go(func() { h.steps(within) })
	err = h.carryOut(within, e)
	last := h.node.replica.Snapshot()
	stop(nil)
	h.running.Wait()
	if ctx.Err() != nil {
		err = fault.New(fault.ErrInterrupted, "interrupted, state saved").WithHint("the same command goes on")
	}
	if err != nil {
		e.missing, e.failed = whyMissing(e.plan, last, errors.Is(err, fault.ErrInterrupted)), failedIn(e.plan, last)
	}
	return errors.Join(err, h.node.close())
}

// workerSlots is what each of some workers trains on: the processor, of which each has its
// part, or a GPU of its own.
func workerSlots(device string, n int) ([]string, error) {
	if n < 1 || n > maxRunWorkers {
		return nil, fault.New(fault.ErrSpec, "--workers %d: want 1 to %d", n, maxRunWorkers)
	}
	kind, list, _ := strings.Cut(built.kind(device), ":")
	numbers := strings.Split(list, ",")
	switch {
	case kind == "cuda" && list == "":
		numbers = nil
		for i := range n {
			numbers = append(numbers, strconv.Itoa(i))
		}
		if err := built.enough(n); err != nil {
			return nil, err
		}
	case kind == "cuda" && len(numbers) != n:
		return nil, fault.New(fault.ErrSpec, "--workers %d on --device %s: each has a GPU of its own", n, device)
	}
	var out []string
	for i := range n {
		if kind == "cuda" {
			out = append(out, numbers[i])
			continue
		}
		out = append(out, kind)
	}
	return out, nil
}

// open starts the coordinator.
func (h *household) open(ctx context.Context, stop context.CancelCauseFunc) error {
	if err := h.certify(); err != nil {
		return err
	}
	log := slog.New(slog.DiscardHandler)
	d := server.DefaultConfig()
	f := &coordinatorFlags{
		id: "run", listen: "127.0.0.1:0", certs: h.path("run"), store: h.store, lease: d.Lease, keep: d.Keep,
		growAfter: 2 * time.Second, dwell: 10 * time.Second, // nobody else waits for slots
		lateGain: scheduler.LocalPolicy().LateGain, // nor is another machine there
	}
	id, err := pki.Load(f.certs)
	if err != nil {
		return err
	}
	if h.node, err = openMemory(f, id, log); err != nil {
		return err
	}
	cfg, err := f.config(ctx, h.node, id, log)
	if err == nil {
		cfg.Policy.PatienceMS, cfg.Policy.PreemptAfterMS = scheduler.LocalPolicy().PatienceMS, scheduler.LocalPolicy().PreemptAfterMS
		h.server, err = server.New(cfg)
	}
	if err != nil {
		return errors.Join(err, h.node.close())
	}
	h.running.Go(func() {
		if err := serveNode(ctx, stop, h.server, h.node, log); err != nil {
			stop(err)
		}
	})
	c := clientFlags{server: h.address(), certs: h.path("client")}
	h.cluster, err = c.dial()
	return err
}

func (h *household) path(name string) string { return filepath.Join(h.dir, name) }

func (h *household) address() string { return h.node.listener.Addr().String() }

// certify makes an authority and certificates for all.
func (h *household) certify() error {
	ca := h.path("ca")
	if err := pki.InitCA(ca); err != nil {
		return err
	}
	requests := map[string]pki.Request{
		"run":    {Role: pki.Coordinator, Name: "run", Hosts: []string{"127.0.0.1"}},
		"client": {Role: pki.Client, Name: "run", Grant: pki.Grant{Role: "admin"}},
	}
	for i := range h.slots {
		requests[workerName(i)] = pki.Request{Role: pki.Worker, Name: workerName(i)}
	}
	for name, r := range requests {
		if err := pki.Issue(ca, h.path(name), r); err != nil {
			return err
		}
	}
	return nil
}

func workerName(i int) string { return fmt.Sprintf("w%d", i+1) }

// carryOut submits the plan and waits for its end.
func (h *household) carryOut(ctx context.Context, e *experiment) error {
	var works []api.Work
	for _, item := range e.plan.Items {
		if e.lost[item.Key] {
			continue
		}
		works = append(works, item.Work)
	}
	r, err := h.cluster.Submit(ctx, &apiv1.SubmitHeader{Name: e.plan.Experiment, SharedPaths: true}, works)
	if err != nil {
		return err
	}
	return await(ctx, h.cluster, r.Experiment, func(string, ...any) {})
}

// show reports tasks that change.
func (h *household) show(ctx context.Context) {
	for {
		s := h.node.replica.Snapshot()
		h.view.tasks(s)
		select {
		case <-ctx.Done():
			return
		case <-h.node.replica.Advanced(s.Index()):
		}
	}
}

// stepsEvery is how often tasks are asked how far they are, and curvesEvery after how many of
// that they are asked for their curves.
const (
	stepsEvery  = time.Second
	curvesEvery = 5
)

// steps shows how far running tasks are. What cannot be asked is asked again.
func (h *household) steps(ctx context.Context) {
	for n := 0; ctx.Err() == nil; n++ {
		for t, err := range h.cluster.AllTasks(ctx, &apiv1.ListTasksRequest{State: apiv1.TaskState_TASK_STATE_RUNNING}) {
			if err != nil {
				break
			}
			key, err := api.ParseKey(t.Key)
			if p := t.GetProgress(); err == nil && p.GetSteps() > 0 {
				h.view.task(key, progress{name: t.Name, done: int64(p.Step), total: int64(p.Steps), unit: "step", note: p.Note}, time.Now())
				if n%curvesEvery == 0 {
					h.curve(ctx, key)
				}
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(stepsEvery):
		}
	}
}

// curve shows the losses that a task's workers have told.
func (h *household) curve(ctx context.Context, key api.Key) {
	r, err := h.cluster.Tasks().ReadMetrics(ctx, &apiv1.ReadMetricsRequest{Key: key.String(), Names: []string{"loss"}})
	if err != nil {
		return
	}
	for _, s := range r.Series {
		h.view.live.curve(key, s.Steps, s.Values)
	}
}

// keep runs a worker, again and again if it ends, until the run is over.
func (h *household) keep(ctx context.Context, i int) {
	runtime.LockOSThread() // on Linux a child dies with the thread that made it
	defer runtime.UnlockOSThread()
	for ctx.Err() == nil {
		err := h.work(ctx, i)
		if ctx.Err() != nil {
			return
		}
		h.view.say(fmt.Sprintf("worker %s ended, and is started again: %v%s", workerName(i), err, h.lastWords(i)))
		select {
		case <-ctx.Done():
		case <-time.After(workerRestart):
		}
	}
}

// work is one process of a worker, from beginning to end. It saves its state when the run is
// over.
func (h *household) work(ctx context.Context, i int) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	log, err := os.OpenFile(h.path(workerName(i)+".log"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	slots, environment := h.slots[i]+":1", []string{"GOMAXPROCS=" + strconv.Itoa(max(runtime.GOMAXPROCS(0)/len(h.slots), 1))}
	if _, err := strconv.Atoi(h.slots[i]); err == nil {
		slots, environment = "cuda:1", []string{"CUDA_VISIBLE_DEVICES=" + h.slots[i]}
	}
	args := []string{
		"worker", "--id", workerName(i), "--server", h.address(), "--certs", h.path(workerName(i)), "--store", h.store, "--slots", slots, "--listen", "127.0.0.1:0",
		"--cache", cacheDir(h.images.cache), "--cache-limit", h.images.cacheLimit,
	}
	if h.images.skipBad {
		args = append(args, "--skip-bad")
	}
	c := exec.Command(self, args...)
	c.Env = append(os.Environ(), environment...)
	c.Stdout, c.Stderr, c.SysProcAttr = log, log, childOfThis()
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	c.Process.Signal(syscall.SIGTERM) // one that has ended meanwhile needs none
	select {
	case err := <-ended:
		return err
	case <-time.After(workerPatience):
		c.Process.Kill()
		return <-ended
	}
}

// lastWords is the end of a worker's log.
func (h *household) lastWords(i int) string {
	b, err := os.ReadFile(h.path(workerName(i) + ".log"))
	if err != nil {
		return ""
	}
	b = b[max(0, len(b)-shownLog):]
	if at := strings.LastIndex(strings.TrimSuffix(string(b), "\n"), "\n"); at >= 0 {
		b = b[at+1:]
	}
	return "\n  " + strings.TrimSpace(string(b))
}
