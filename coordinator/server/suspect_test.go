package server_test

import (
	"testing"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/fixture"
)

func reachable(id string) *apiv1.Hello {
	h := hello(id, 1)
	h.Address = id + ".example:7000"
	return h
}

func (h *hand) suspects(task string, generation uint64, workers ...string) {
	h.t.Helper()
	m := &apiv1.Suspect{Task: task, Generation: generation, Workers: workers, Reason: "it does not answer"}
	if err := h.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Suspect{Suspect: m}}); err != nil {
		h.t.Fatal(err)
	}
}

// A member that does not answer another is out of the gang at once, long before its lease
// ends; its slots are its own until it says that it has left them. What comes late, from
// outside, or would leave too few, changes nothing.
func TestAGangGoesOnWithoutASuspect(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	w1, w2 := mustConnect(t, c, reachable("w1")), mustConnect(t, c, reachable("w2"))
	outside := mustConnect(t, c, hello("w3", 1)) // no address: it trains with nobody
	work := fixture.Work("G", fixture.Options{Gang: api.Gang{Min: 1, Max: 2}, Shards: 2})
	submit(t, c, "e", work)
	a := w1.assigned()[0]
	if len(a.Gang) != 2 || a.Gang[1].Worker != "w2" || a.Gang[1].Address != "w2.example:7000" {
		t.Fatalf("the gang is %v", a.Gang)
	}
	w2.assigned()
	outside.suspects(a.Task, 1, "w2")
	w1.suspects(a.Task, 7, "w2")
	w1.suspects(a.Task, 1, "w1", "w9")
	w1.suspects(a.Task, 1, "w2")
	for a.Generation != 2 {
		a = w1.assigned()[0]
	}
	w2.suspects(a.Task, 1, "w1") // too late
	if len(a.Gang) != 1 || a.Gang[0].Worker != "w1" {
		t.Errorf("generation 2 is %v", a.Gang)
	}
	b := w2.assigned()[0]
	for !b.Terminating {
		b = w2.assigned()[0]
	}
	if free := n.memory.Snapshot().Worker("w2").Free(); free != 0 || b.Generation != 1 {
		t.Errorf("%d slots of the suspect are free while it has not left generation %d", free, b.Generation)
	}
	w2.answer(w2.report(apiv1.ReportKind_REPORT_KIND_RELEASED, b.Task, 1))
	if free := n.memory.Snapshot().Worker("w2").Free(); free != 1 {
		t.Errorf("%d slots are free of who has left", free)
	}
	if task := n.memory.Snapshot().TaskAt(1); task.Generation != 2 {
		t.Errorf("generation %d: who was suspected had a word in it", task.Generation)
	}
}

// A gang that would be too small without a suspect waits for its lease to end.
func TestAGangNeedsItsLeast(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	w1, w2 := mustConnect(t, c, reachable("w1")), mustConnect(t, c, reachable("w2"))
	submit(t, c, "e", fixture.Work("G", fixture.Options{Gang: api.Gang{Min: 2, Max: 2}, Shards: 2}))
	a := w1.assigned()[0]
	w2.assigned()
	w1.suspects(a.Task, 1, "w2")
	w1.heartbeat(1) // answered after what came before
	if task := n.memory.Snapshot().TaskAt(1); task.Generation != 1 || len(task.Parts) != 2 {
		t.Errorf("generation %d on %v", task.Generation, task.Parts)
	}
}

// A worker that connects is told its record also if it is empty: it may run what was given to
// others while it was away.
func TestAnEmptyRecordIsTold(t *testing.T) {
	c := call(t, nil, single(t, nil))
	w := mustConnect(t, c, hello("w1", 1))
	w.hear(func(m *apiv1.ConnectResponse) bool {
		return m.GetAssignments() != nil && len(m.GetAssignments().GetAssignments()) == 0
	})
}

// An address that cannot be dialled is refused at the hello.
func TestAddressesAreChecked(t *testing.T) {
	c := call(t, nil, single(t, nil))
	for _, bad := range []string{"w1", ":7000", "w1:0", "w1:port", "w1:70000", "[::1"} {
		h := hello("w1", 1)
		h.Address = bad
		if _, err := connect(t, c, h); err == nil {
			t.Errorf("%q is taken for an address", bad)
		}
	}
	h := hello("w1", 1)
	h.Address = "[::1]:7000"
	mustConnect(t, c, h)
}
