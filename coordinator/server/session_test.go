package server_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/replica"
	"g2c/coordinator/server"
	"g2c/coordinator/state"
	"g2c/internal/clock"
)

// clocked runs a cluster of one by a clock that the test moves.
func clocked(t *testing.T) (*node, *clock.Fake, time.Duration) {
	t.Helper()
	c := clock.NewFake(time.UnixMilli(1_000_000))
	m := replica.NewMemory("c1", c.Now)
	cfg := config(m)
	cfg.Clock = c
	n := serve(t, cfg)
	n.memory = m
	return n, c, cfg.Lease
}

// passes moves a clock, a little at a time, until something is so.
func passes(t *testing.T, c *clock.Fake, step time.Duration, so func() bool) (took time.Duration) {
	t.Helper()
	for range 100_000 {
		if so() {
			return took
		}
		_, more := c.Waiters()
		c.Advance(step)
		took += step
		<-more
	}
	t.Fatal("it did not come to pass")
	return 0
}

func lost(n *node) func() bool {
	return func() bool { return n.memory.Snapshot().Worker("w1").Lost }
}

// A worker that is silent for a lease is lost, not before, and its task goes on
// elsewhere; its next heartbeat has it back.
func TestLeases(t *testing.T) {
	n, c, lease := clocked(t)
	cl := call(t, nil, n)
	submit(t, cl, "e", work("HE"))
	w := mustConnect(t, cl, hello("w1", 1))
	a := w.assigned()[0]
	w.answer(w.report(apiv1.ReportKind_REPORT_KIND_STARTED, a.Task, a.Generation))
	for range 3 { // heartbeats keep it
		passed := time.Duration(0)
		passes(t, c, lease/20, func() bool { passed += lease / 20; return passed > lease*8/10 })
		w.heartbeat(1)
	}
	if lost(n)() {
		t.Fatal("it is lost though it speaks")
	}
	if took := passes(t, c, lease/20, lost(n)); took < lease {
		t.Errorf("it is lost after %v, before its lease of %v ended", took, lease)
	}
	if task := n.memory.Snapshot().TaskAt(1); len(task.Parts) > 0 {
		t.Errorf("its task is still on %v", task.Parts)
	}
	w.heartbeat(2)
	if lost(n)() {
		t.Error("it is lost though it spoke again")
	}
	again := w.assigned()[0]
	for again.Generation == a.Generation {
		again = w.assigned()[0]
	}
}

// heldJoins is a replica in which joins are written, and their writers wait to hear of it.
type heldJoins struct {
	*replica.Memory
	written, goOn chan struct{}
}

// ProposeAll implements replica.Replica.
func (h *heldJoins) ProposeAll(ctx context.Context, entries []command.Entry) ([]state.Result, error) {
	r, err := h.Memory.ProposeAll(ctx, entries)
	if _, ok := entries[0].Command.(command.Join); ok {
		close(h.written)
		<-h.goOn
	}
	return r, err
}

// A worker that joins has its lease from its hello on: however old the leadership is, it is
// not taken for lost before it has its welcome.
func TestAWorkerThatJoinsIsNotLost(t *testing.T) {
	c := clock.NewFake(time.UnixMilli(1_000_000))
	m := &heldJoins{Memory: replica.NewMemory("c1", c.Now), written: make(chan struct{}), goOn: make(chan struct{})}
	cfg := config(m)
	cfg.Clock = c
	n := serve(t, cfg)
	n.memory = m.Memory
	for i := 0; i < 2; i++ { // lets the leadership's own watch begin
		passed := time.Duration(0)
		passes(t, c, cfg.Lease/20, func() bool { passed += cfg.Lease / 20; return passed > 2*cfg.Lease })
	}
	cl := call(t, nil, n)
	connected := make(chan error, 1)
	go func() {
		_, err := connect(t, cl, hello("w1", 1))
		connected <- err
	}()
	<-m.written
	passed := time.Duration(0)
	passes(t, c, cfg.Lease/20, func() bool { passed += cfg.Lease / 20; return passed > cfg.Lease/2 })
	if lost(n)() {
		t.Error("it is lost before it has its welcome")
	}
	close(m.goOn)
	if err := <-connected; err != nil {
		t.Error(err)
	}
}

// A new leader has heard of nobody, and waits for a whole lease: the one before may
// have extended leases to its end.
func TestANewLeaderWaits(t *testing.T) {
	n, c, lease := clocked(t)
	mustConnect(t, call(t, nil, n), hello("w1", 1))
	half := time.Duration(0)
	passes(t, c, lease/20, func() bool { half += lease / 20; return half > lease/2 })
	n.memory.Depose()
	n.memory.Crown()
	until := time.Duration(0)
	for until < lease { // the leadership's own watch has to begin
		took := passes(t, c, lease/20, func() bool { until += lease / 20; return lost(n)() || until > 3*lease })
		if lost(n)() && took < lease*9/10 {
			t.Fatalf("it is lost %v after the leadership began, with a lease of %v", took, lease)
		}
	}
	passes(t, c, lease/20, lost(n))
}

// One name is one worker: a later process takes it over, an earlier one is refused.
func TestNamesAreTakenOver(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	old := mustConnect(t, c, hello("w1", 1))
	later := hello("w1", 2)
	later.Incarnation = 2
	w := mustConnect(t, c, later)
	var err error
	for err == nil {
		_, err = old.stream.Recv()
	}
	if !errors.Is(err, rpcerr.Replaced) {
		t.Errorf("the old session ended with %v", err)
	}
	if _, err := connect(t, c, hello("w1", 1)); !errors.Is(err, rpcerr.Replaced) {
		t.Errorf("an older process connects: %v", err)
	}
	w.heartbeat(1)
	if got := n.memory.Snapshot().Worker("w1"); got.Incarnation != 2 || got.Slots != 2 {
		t.Errorf("the worker is %+v", got)
	}
}

// What a worker says that cannot be is refused, and changes nothing.
func TestWorkersThatLie(t *testing.T) {
	n := single(t, nil)
	c := call(t, as(server.Worker, "w1"), n)
	people := call(t, nil, n)
	bad := map[string]func(*apiv1.Hello){
		"another's name":      func(h *apiv1.Hello) { h.Worker = "w2" },
		"no name":             func(h *apiv1.Hello) { h.Worker = "" },
		"no slots":            func(h *apiv1.Hello) { h.Slots = 0 },
		"a million slots":     func(h *apiv1.Hello) { h.Slots = 1_000_000 },
		"an unknown class":    func(h *apiv1.Hello) { h.Numerics = "gpu" },
		"no incarnation":      func(h *apiv1.Hello) { h.Incarnation = 0 },
		"negative memory":     func(h *apiv1.Hello) { h.MemoryBytes = -1 },
		"data that is no key": func(h *apiv1.Hello) { h.Cached = []string{"x"} },
	}
	for what, spoil := range bad {
		h := hello("w1", 1)
		spoil(h)
		if _, err := connect(t, c, h); err == nil || rpcerr.Retriable(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	submit(t, people, "e", work("HE"), work("TRI"))
	w := mustConnect(t, c, hello("w1", 1))
	a := w.assigned()[0]
	w.answer(w.report(apiv1.ReportKind_REPORT_KIND_STARTED, a.Task, a.Generation))
	// More slots, in the same life: refused, and the session ends.
	if _, err := connect(t, c, hello("w1", 4)); !errors.Is(err, rpcerr.Stale) {
		t.Errorf("more slots than before: %v", err)
	}
	if got := n.memory.Snapshot().Worker("w1"); got.Slots != 1 {
		t.Errorf("it has %d slots now", got.Slots)
	}
	w = mustConnect(t, c, hello("w1", 1))
	other := work("TRI")
	if a.Task == other.Key.String() {
		other = work("HE")
	}
	for _, r := range []struct {
		task       string
		generation uint64
	}{{other.Key.String(), 1}, {other.Key.String(), 0}, {a.Task, a.Generation + 1}} {
		if answer := w.answer(w.report(apiv1.ReportKind_REPORT_KIND_DONE, r.task, r.generation)); answer.Refused == "" {
			t.Errorf("done with generation %d of %.8s: taken", r.generation, r.task)
		}
	}
	if task := n.memory.Snapshot().Task(other.Key); task.Completions != 0 {
		t.Errorf("a task that it did not have is done")
	}
	w.report(apiv1.ReportKind_REPORT_KIND_UNSPECIFIED, a.Task, a.Generation)
	var err error
	for err == nil {
		_, err = w.stream.Recv()
	}
	if !errors.Is(err, rpcerr.BadRequest) {
		t.Errorf("a report of no kind ends the session with %v", err)
	}
}

// A worker's word that a task is done is held to the store.
func TestDoneNeedsAManifest(t *testing.T) {
	n := single(t, func(c *server.Config) { c.Store = emptyStore(t) })
	c := call(t, nil, n)
	submit(t, c, "e", work("HE"))
	w := mustConnect(t, c, hello("w1", 1))
	a := w.assigned()[0]
	w.answer(w.report(apiv1.ReportKind_REPORT_KIND_STARTED, a.Task, a.Generation))
	w.answer(w.report(apiv1.ReportKind_REPORT_KIND_DONE, a.Task, a.Generation))
	if task := n.memory.Snapshot().TaskAt(1); task.Completions != 0 || task.Failures != 1 {
		t.Errorf("%s, %d completions, %d failures", task.Status, task.Completions, task.Failures)
	}
}

// Lines, curves and progress reach whoever asks.
func TestJournalsAreServed(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	r := submit(t, c, "e", work("HE"))
	w := mustConnect(t, c, hello("w1", 1))
	a := w.assigned()[0]
	w.answer(w.report(apiv1.ReportKind_REPORT_KIND_STARTED, a.Task, a.Generation))
	say(t, w, &apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Logs{Logs: &apiv1.TaskLogs{
		Task: a.Task, Generation: a.Generation, First: 1, Lines: []*apiv1.TaskLogLine{{Text: "one"}, {Text: "two"}},
	}}})
	say(t, w, &apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Metrics{Metrics: &apiv1.TaskMetrics{
		Task: a.Task, Generation: a.Generation, Points: []*apiv1.Point{{Name: "loss", Step: 1, Value: 0.5}},
	}}})
	say(t, w, &apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Progress{Progress: &apiv1.TaskProgress{
		Task: a.Task, Generation: a.Generation, Progress: &apiv1.Progress{Step: 1, Steps: 9},
	}}})
	w.heartbeat(1)
	d, err := c.Tasks().DescribeTask(t.Context(), &apiv1.DescribeTaskRequest{Key: a.Task})
	if err != nil || d.Task.Progress.GetSteps() != 9 {
		t.Errorf("%v, %v", d, err)
	}
	m, err := c.Tasks().ReadMetrics(t.Context(), &apiv1.ReadMetricsRequest{Key: a.Task})
	if err != nil || len(m.Series) != 1 || m.Series[0].Values[0] != 0.5 {
		t.Errorf("%v, %v", m, err)
	}
	var lines []string
	err = c.Logs(t.Context(), &apiv1.ReadLogsRequest{Key: a.Task, Follow: true}, func(m *apiv1.ReadLogsResponse) error {
		for _, l := range m.Lines {
			lines = append(lines, l.Text)
			if l.Text == "two" { // the end comes while somebody listens
				w.report(apiv1.ReportKind_REPORT_KIND_DONE, a.Task, a.Generation)
			}
		}
		return nil
	})
	if err != nil || len(lines) != 2 {
		t.Errorf("%q, %v", lines, err)
	}
	until(t, c, r.Experiment, ended(apiv1.ExperimentState_EXPERIMENT_STATE_DONE))
}

// A watcher that comes back hears what it has missed, and a listing if that is not
// known any more.
func TestWatchGoesOn(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	r := submit(t, c, "e", work("HE"))
	enough := errors.New("enough")
	var seen uint64
	listen := func(after uint64) (first *apiv1.WatchResponse) {
		t.Helper()
		err := c.Watch(t.Context(), &apiv1.WatchRequest{AfterIndex: after, Experiment: r.Experiment}, func(m *apiv1.WatchResponse) error {
			first, seen = m, m.Index
			return enough
		})
		if err != enough {
			t.Fatal(err)
		}
		return first
	}
	if m := listen(0); !m.Anew || len(m.Tasks) != 1 || len(m.Experiments) != 1 {
		t.Errorf("the listing is %v", m)
	}
	submit(t, c, "other", work("TRI"))
	if _, err := c.Experiments().CancelExperiment(t.Context(), &apiv1.CancelExperimentRequest{RequestId: client.RequestID(), Id: r.Experiment}); err != nil {
		t.Fatal(err)
	}
	if m := listen(seen); m.Anew || len(m.Tasks) != 1 || m.Tasks[0].State != apiv1.TaskState_TASK_STATE_CANCELLED || m.Experiments[0].State != apiv1.ExperimentState_EXPERIMENT_STATE_CANCELLED {
		t.Errorf("what was missed is %v", m)
	}
	if m := listen(1 << 40); !m.Anew {
		t.Errorf("from the future: %v", m)
	}
	err := c.Watch(t.Context(), &apiv1.WatchRequest{Experiment: "none"}, func(*apiv1.WatchResponse) error { return nil })
	if !errors.Is(err, rpcerr.NotFound) {
		t.Errorf("an experiment that there is not: %v", err)
	}
}

// What is long over is forgotten: experiments, and workers that never came back.
func TestTheHouseIsKept(t *testing.T) {
	n, c, lease := clocked(t)
	cl := call(t, nil, n)
	r := submit(t, cl, "e", work("HE"))
	w := mustConnect(t, cl, hello("w1", 1))
	a := w.assigned()[0]
	w.answer(w.report(apiv1.ReportKind_REPORT_KIND_DONE, a.Task, a.Generation))
	passes(t, c, lease/20, lost(n))
	w.cancel() // while it is connected it is not forgotten
	passes(t, c, 24*time.Hour, func() bool {
		s := n.memory.Snapshot()
		return s.Experiment(r.Experiment) == nil && s.Worker("w1") == nil
	})
	if took := c.Now().Sub(time.UnixMilli(1_000_000)); took < server.DefaultConfig().Keep {
		t.Errorf("forgotten after %v", took)
	}
}
