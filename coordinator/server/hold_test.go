package server_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"g2c/api"
	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/replica"
	"g2c/coordinator/server"
)

// told waits for the assignment of a task that is so, and answers.
func (h *hand) told(so func(*apiv1.Assignment) bool) (found *apiv1.Assignment) {
	h.t.Helper()
	h.hear(func(m *apiv1.ConnectResponse) bool {
		for _, a := range m.GetAssignments().GetAssignments() {
			if so(a) {
				found = a
			}
		}
		return found != nil
	})
	return found
}

func hold(t *testing.T, c *client.Client, id string) *apiv1.Experiment {
	t.Helper()
	r, err := c.Experiments().HoldExperiment(t.Context(), &apiv1.HoldExperimentRequest{RequestId: client.RequestID(), Id: id, Reason: "budget"})
	if err != nil {
		t.Fatal(err)
	}
	return r.Experiment
}

// What is held saves and stops, says who holds it in every answer, and goes on when it is
// released.
func TestHoldAndRelease(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	w := mustConnect(t, call(t, as(server.Worker, "w1"), n), hello("w1", 1))
	id := submit(t, c, "e", work("HE")).Experiment
	first := w.told(func(a *apiv1.Assignment) bool { return !a.Terminating })
	w.report(apiv1.ReportKind_REPORT_KIND_STARTED, first.Task, first.Generation)
	e := hold(t, c, id)
	if e.State != apiv1.ExperimentState_EXPERIMENT_STATE_RUNNING || e.Hold.GetBy() == "" || e.Hold.GetSinceMs() == 0 || e.Hold.GetReason() != "budget" {
		t.Errorf("a held experiment is %v", e)
	}
	w.told(func(a *apiv1.Assignment) bool { return a.Preempting })
	w.report(apiv1.ReportKind_REPORT_KIND_INTERRUPTED, first.Task, first.Generation)
	until(t, c, id, func(m *apiv1.WatchResponse) bool {
		return len(m.Tasks) == 1 && strings.HasPrefix(m.Tasks[0].Waiting, "held by "+e.Hold.By+" since ") && strings.HasSuffix(m.Tasks[0].Waiting, ": budget")
	})
	if again := hold(t, c, id); again.Hold.SinceMs != e.Hold.SinceMs {
		t.Errorf("held again it is held since %d, not %d", again.Hold.SinceMs, e.Hold.SinceMs)
	}
	r, err := c.Experiments().ReleaseExperiment(t.Context(), &apiv1.ReleaseExperimentRequest{RequestId: client.RequestID(), Id: id})
	if err != nil || r.Experiment.Hold != nil {
		t.Fatalf("released it is %v, %v", r, err)
	}
	w.told(func(a *apiv1.Assignment) bool { return a.Generation == first.Generation+1 && !a.Terminating })
}

// An experiment may come held, and what it needs is not needed then.
func TestSubmitHeld(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	r, err := c.Submit(t.Context(), &apiv1.SubmitHeader{Name: "e", Held: true}, []api.Work{work("HE")})
	if err != nil {
		t.Fatal(err)
	}
	demands(t, c, r.Index, "")
	got, err := c.Experiments().GetExperiment(t.Context(), &apiv1.GetExperimentRequest{Id: r.Experiment})
	if err != nil || got.Experiment.Hold == nil {
		t.Errorf("it is %v, %v", got, err)
	}
}

// Who may not submit may not hold, and what is not there or was cancelled is refused.
func TestHoldsThatAreRefused(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	id := submit(t, c, "e", work("HE")).Experiment
	try := func(c *client.Client, id string) error {
		_, err := c.Experiments().HoldExperiment(t.Context(), &apiv1.HoldExperimentRequest{RequestId: client.RequestID(), Id: id})
		return err
	}
	viewers := call(t, with(server.Caller{Role: server.Client, Name: "v", Grant: "viewer"}), n)
	others := call(t, with(server.Caller{Role: server.Client, Name: "o", Grant: "submitter", Project: "other"}), n)
	if err := try(viewers, id); !errors.Is(err, rpcerr.NotPermitted) {
		t.Errorf("a viewer: %v", err)
	}
	for _, err := range []error{try(c, "none"), try(others, id)} {
		if !errors.Is(err, rpcerr.NotFound) {
			t.Errorf("what is not there for the caller: %v", err)
		}
	}
	if _, err := c.Experiments().CancelExperiment(t.Context(), &apiv1.CancelExperimentRequest{RequestId: client.RequestID(), Id: id}); err != nil {
		t.Fatal(err)
	}
	if err := try(c, id); !errors.Is(err, rpcerr.Conflict) {
		t.Errorf("what was cancelled: %v", err)
	}
}

// demands waits for the demand of a state, and compares it.
func demands(t *testing.T, c *client.Client, index uint64, want string) {
	t.Helper()
	for tick := time.Tick(10 * time.Millisecond); ; <-tick {
		r, err := c.Workers().ListDemand(t.Context(), &apiv1.ListDemandRequest{})
		if err != nil {
			t.Fatal(err)
		}
		if r.Index < index {
			continue
		}
		var lines []string
		for _, d := range r.Demand {
			lines = append(lines, strings.Join(strings.Fields(d.String()), " "))
		}
		if got := strings.Join(lines, "\n"); got != want {
			t.Errorf("demand at %d:\n%s\nwant\n%s", r.Index, got, want)
		}
		return
	}
}

// Demand is listed in pages, and to each caller what it may see. Whoever waits for an empty
// worker hears when it is.
func TestDemandAndEmptyWorkers(t *testing.T) {
	m := replica.NewMemory("c1", time.Now)
	for _, c := range []command.Command{command.Raise{Level: command.Level}, command.SetProject{Project: "p1", Weight: 1}, command.SetProject{Project: "p2", Weight: 1}} {
		if _, err := m.Propose(t.Context(), command.Entry{Command: c}); err != nil {
			t.Fatal(err)
		}
	}
	n := serve(t, config(m))
	c := call(t, nil, n)
	var last *apiv1.SubmitResponse
	for _, project := range []string{"p2", "p1"} {
		var err error
		last, err = c.Submit(t.Context(), &apiv1.SubmitHeader{Name: "e", Project: project, MemoryBytes: 8}, []api.Work{
			fixture.Work("A"+project, fixture.Options{}), fixture.Work("B"+project, fixture.Options{}),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	row := func(project string) string {
		return (&apiv1.Demand{Project: project, Numerics: api.ClassCPU, MemoryBytes: 8, WorkerSlots: 1, Waiting: 2}).String()
	}
	plain := func(text string) string { return strings.Join(strings.Fields(text), " ") }
	demands(t, c, last.Index, plain(row("p1"))+"\n"+plain(row("p2")))
	demands(t, call(t, with(server.Caller{Role: server.Client, Name: "o", Grant: "viewer", Project: "p2"}), n), last.Index, plain(row("p2")))
	page, err := c.Workers().ListDemand(t.Context(), &apiv1.ListDemandRequest{PageSize: 1})
	if err != nil || len(page.Demand) != 1 || page.Demand[0].Project != "p1" {
		t.Fatalf("a page: %v, %v", page, err)
	}
	page, err = c.Workers().ListDemand(t.Context(), &apiv1.ListDemandRequest{PageSize: 1, PageToken: page.NextPageToken})
	if err != nil || len(page.Demand) != 1 || page.Demand[0].Project != "p2" || page.NextPageToken != "" {
		t.Fatalf("the next page: %v, %v", page, err)
	}
	if _, err := c.Workers().AwaitEmpty(t.Context(), &apiv1.AwaitEmptyRequest{Id: "w1"}); !errors.Is(err, rpcerr.NotFound) {
		t.Errorf("a worker that is not there: %v", err)
	}

	h := hello("w1", 1)
	h.MemoryBytes = 8
	w := mustConnect(t, call(t, as(server.Worker, "w1"), n), h)
	a := w.told(func(*apiv1.Assignment) bool { return true })
	if r, err := c.Workers().AwaitEmpty(t.Context(), &apiv1.AwaitEmptyRequest{Id: "w1"}); err != nil || r.Empty || r.Worker.Idle || len(r.Worker.Allocations) != 1 {
		t.Errorf("a worker that has something: %v, %v", r, err)
	}
	if _, err := c.Workers().SetWorkerMode(t.Context(), &apiv1.SetWorkerModeRequest{RequestId: client.RequestID(), Id: "w1", Mode: apiv1.WorkerMode_WORKER_MODE_DRAINING}); err != nil {
		t.Fatal(err)
	}
	empty := make(chan error, 1)
	go func() {
		_, err := c.AwaitEmpty(t.Context(), "w1")
		empty <- err
	}()
	w.told(func(a *apiv1.Assignment) bool { return a.Preempting })
	w.report(apiv1.ReportKind_REPORT_KIND_INTERRUPTED, a.Task, a.Generation)
	if err := <-empty; err != nil {
		t.Error(err)
	}
	for tick := time.Tick(10 * time.Millisecond); ; <-tick { // the plan after that
		r, err := c.Workers().AwaitEmpty(t.Context(), &apiv1.AwaitEmptyRequest{Id: "w1"})
		if err != nil || !r.Empty {
			t.Fatalf("a drained worker: %v, %v", r, err)
		}
		if r.Worker.Idle {
			break
		}
	}
}
