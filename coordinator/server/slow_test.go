package server

import (
	"slices"
	"testing"
	"time"

	"g2c/coordinator/fixture"
	"g2c/coordinator/scheduler"
)

// Who is waited for counts for a while, in the generation that it was said of; gangs do not grow
// onto it for longer.
func TestSlowness(t *testing.T) {
	work := fixture.Work("t", fixture.Options{})
	st := placed(t, 0, work)
	at := time.UnixMilli(1_000_000)
	var s slowness
	if len(s.late(st.Snapshot(), at)) != 0 || len(s.onto(at)) != 0 {
		t.Error("somebody is slow of whom nothing was said")
	}
	s.note(scheduler.Late{Task: work.Key, Generation: 1, Worker: "w2", Waited: 0.5}, at)
	s.note(scheduler.Late{Task: work.Key, Generation: 1, Worker: "w1", Waited: 0.5}, at)
	s.note(scheduler.Late{Task: work.Key, Generation: 1, Worker: "w1", Waited: 0.6}, at)
	s.note(scheduler.Late{Task: work.Key, Generation: 0, Worker: "w3", Waited: 0.5}, at)
	late := s.late(st.Snapshot(), at.Add(lateFor-1))
	if len(late) != 2 || late[0].Worker != "w1" || late[0].Waited != 0.6 || late[1].Worker != "w2" {
		t.Errorf("waited for are %+v", late)
	}
	if late := s.late(st.Snapshot(), at.Add(lateFor)); len(late) != 0 {
		t.Errorf("a minute later %+v", late)
	}
	if got := s.onto(at.Add(slowFor - 1)); !slices.Equal(got, []string{"w1", "w2", "w3"}) {
		t.Errorf("slow are %v", got)
	}
	if got := s.onto(at.Add(slowFor)); len(got) != 0 {
		t.Errorf("for ever slow are %v", got)
	}
	for i := range 3 * maxSlow {
		s.note(scheduler.Late{Task: fixture.Data(string(rune('a' + i%26))), Worker: string(rune(i)), Waited: 1}, at)
	}
	if len(s.members) > maxSlow || len(s.workers) > maxSlow {
		t.Errorf("%d members and %d workers are remembered", len(s.members), len(s.workers))
	}
}
