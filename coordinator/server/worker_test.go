package server_test

import (
	"context"
	"testing"
	"time"

	"g2c/api"
	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
)

// hand is a worker as the tests need one: it does what its assignments say, at once,
// and nothing else.
type hand struct {
	t       *testing.T
	stream  apiv1.WorkerService_ConnectClient
	welcome *apiv1.Welcome
	number  uint64
	cancel  context.CancelFunc
	works   map[string]bool // tasks of the last list, whose works it has
}

func hello(id string, slots uint32) *apiv1.Hello {
	return &apiv1.Hello{Worker: id, Incarnation: 1, Numerics: api.ClassCPU, Slots: slots, Host: "h"}
}

// connect begins a session.
func connect(t *testing.T, c *client.Client, h *apiv1.Hello) (*hand, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	s, err := c.Workers().Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Hello{Hello: h}}); err != nil {
		t.Logf("send hello: %v", err)
	}
	m, err := s.Recv()
	if err != nil {
		return nil, err
	}
	if m.GetWelcome() == nil {
		t.Fatalf("the first answer is %v", m)
	}
	return &hand{t: t, stream: s, welcome: m.GetWelcome(), cancel: cancel}, nil
}

// mustConnect begins a session that has to begin.
func mustConnect(t *testing.T, c *client.Client, h *apiv1.Hello) *hand {
	t.Helper()
	w, err := connect(t, c, h)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// report sends a report and returns its number.
func (h *hand) report(kind apiv1.ReportKind, task string, generation uint64) uint64 {
	h.t.Helper()
	h.number++
	r := &apiv1.Report{Number: h.number, Kind: kind, Task: task, Generation: generation}
	if err := h.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Report{Report: r}}); err != nil {
		h.t.Errorf("send a report: %v", err)
	}
	return h.number
}

// hear reads until something was said.
func (h *hand) hear(what func(*apiv1.ConnectResponse) bool) {
	h.t.Helper()
	for {
		m, err := h.stream.Recv()
		if err != nil {
			h.t.Fatalf("the session ended: %v", err)
		}
		if list := m.GetAssignments(); list != nil {
			h.keep(list.Assignments)
		}
		if what(m) {
			return
		}
	}
}

// keep sees to it that a task comes with its work, unless the list before had it.
func (h *hand) keep(list []*apiv1.Assignment) {
	h.t.Helper()
	kept := map[string]bool{}
	for _, a := range list {
		if len(a.Work) == 0 && !h.works[a.Task] && !a.Terminating {
			h.t.Errorf("task %.12s came without its work", a.Task)
		}
		kept[a.Task] = !a.Terminating
	}
	h.works = kept
}

// assigned waits for assignments that are not empty.
func (h *hand) assigned() []*apiv1.Assignment {
	h.t.Helper()
	var list []*apiv1.Assignment
	h.hear(func(m *apiv1.ConnectResponse) bool {
		list = m.GetAssignments().GetAssignments()
		return len(list) > 0
	})
	return list
}

// answer waits for the answer to a report.
func (h *hand) answer(number uint64) *apiv1.ReportAnswer {
	h.t.Helper()
	var a *apiv1.ReportAnswer
	h.hear(func(m *apiv1.ConnectResponse) bool {
		a = m.GetReport()
		return a.GetNumber() == number
	})
	return a
}

// heartbeat sends a heartbeat and waits until it is answered.
func (h *hand) heartbeat(number uint64) {
	h.t.Helper()
	if err := h.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Heartbeat{Heartbeat: &apiv1.Heartbeat{Number: number}}}); err != nil {
		h.t.Errorf("send a heartbeat: %v", err)
	}
	h.hear(func(m *apiv1.ConnectResponse) bool { return m.GetHeartbeat().GetNumber() == number })
}

// ended reads until the session has ended, and says why.
func (h *hand) ended() error {
	for {
		if _, err := h.stream.Recv(); err != nil {
			return rpcerr.FromStatus(err)
		}
	}
}

// labour does everything it is given until its session ends.
func (h *hand) labour() {
	began := map[string]uint64{}
	for {
		m, err := h.stream.Recv()
		if err != nil {
			return
		}
		for _, a := range m.GetAssignments().GetAssignments() {
			if began[a.Task] < a.Generation {
				began[a.Task] = a.Generation
				if a.Terminating {
					h.report(apiv1.ReportKind_REPORT_KIND_RELEASED, a.Task, a.Generation)
					continue
				}
				h.report(apiv1.ReportKind_REPORT_KIND_STARTED, a.Task, a.Generation)
				h.report(apiv1.ReportKind_REPORT_KIND_DONE, a.Task, a.Generation)
			}
		}
	}
}
