package agent

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"g2c/api"
	"g2c/coordinator/fixture"
)

// bench is a core with a session, for tests that say what it hears and read what
// it wants.
type bench struct {
	t *testing.T
	*Core
	index uint64
}

func newBench(t *testing.T, slots int) *bench {
	b := &bench{t: t, Core: NewCore(slots)}
	b.Welcome(0, time.Minute, 10*time.Second)
	return b
}

func task(name string) api.Key { return fixture.Data(name) }

func assign(name string, generation uint64, slots int) Assignment {
	work := fixture.Work(name, fixture.Options{})
	return Assignment{Task: task(name), Generation: generation, Slots: slots, Work: &work, Gang: []Part{{Worker: "w", Slots: slots}}}
}

func terminating(name string, generation uint64) Assignment {
	return Assignment{Task: task(name), Generation: generation, Slots: 1, Terminating: true}
}

func (b *bench) told(a ...Assignment) {
	b.index++
	b.Told(Record{Index: b.index, Assignments: a})
}

// answer answers all reports.
func (b *bench) answer() {
	for len(b.Reports(0)) > 0 {
		b.index++
		b.Answered(Answer{Number: b.Reports(0)[0].Number, Index: b.index})
	}
}

// want compares what is to be done, and what was reported, with lists like
// "start 1" and "released 1".
func (b *bench) want(orders, reports []string) {
	b.t.Helper()
	var got, said []string
	for _, o := range b.Orders() {
		got = append(got, fmt.Sprint([]string{"", "start", "save", "stop"}[o.Kind], " ", o.Generation))
	}
	for _, r := range b.Reports(0) {
		said = append(said, fmt.Sprint(r.Kind, " ", r.Generation))
	}
	if !slices.Equal(got, orders) || !slices.Equal(said, reports) {
		b.t.Fatalf("orders %q and reports %q, want %q and %q", got, said, orders, reports)
	}
}

type list = []string

func TestAGenerationIsStartedOnce(t *testing.T) {
	b := newBench(t, 1)
	b.told(assign("a", 1, 1))
	b.told(assign("a", 1, 1))
	b.want(list{"start 1"}, nil)
	b.Ended(task("a"), 1, Outcome{Kind: Done})
	b.told(assign("a", 1, 1)) // from before the report
	b.want(nil, list{"done 1"})
	b.answer()
	b.told(assign("a", 1, 1))
	b.want(nil, nil)
	b.told(assign("a", 2, 1))
	b.want(list{"start 2"}, nil)
}

func TestReleasedWaitsForTheEnd(t *testing.T) {
	b := newBench(t, 2)
	b.told(assign("a", 3, 1))
	b.told(terminating("a", 3))
	b.want(list{"start 3", "stop 3"}, nil)
	b.told(terminating("a", 3), terminating("a", 4)) // it never heard of 4
	b.want(nil, nil)
	b.Ended(task("a"), 3, Outcome{Kind: Failed, Reason: "killed"})
	b.want(nil, list{"released 3"})
	b.answer()
	b.want(nil, nil) // the record is older than the answer, and was obeyed already
	b.told(terminating("a", 4))
	b.want(nil, list{"released 4"})
}

// A gang that changes hands its work over: the old part ends before the new begins,
// and Started of the new one is all that is said.
func TestTheNextGenerationWaits(t *testing.T) {
	b := newBench(t, 2)
	b.told(assign("a", 1, 1))
	b.Started(task("a"), 1)
	b.answer()
	b.told(assign("a", 2, 2))
	b.want(list{"start 1", "save 1"}, nil)
	b.Ended(task("a"), 1, Outcome{Kind: Interrupted})
	b.want(list{"start 2"}, nil)
	b.Started(task("a"), 1) // too late to matter
	b.Started(task("a"), 2)
	b.want(nil, list{"started 2"})
}

func TestAPreemptedTaskSaves(t *testing.T) {
	b := newBench(t, 1)
	b.told(assign("a", 1, 1))
	a := assign("a", 1, 1)
	a.Preempting = true
	b.told(a)
	b.want(list{"start 1", "save 1"}, nil)
	b.Ended(task("a"), 1, Outcome{Kind: Interrupted})
	b.want(nil, list{"interrupted 1"})
	b.answer()
	a.Generation = 2 // preempted before it began
	b.told(a)
	b.want(nil, list{"interrupted 2"})
}

func TestEvictedWhileSaving(t *testing.T) {
	b := newBench(t, 1)
	a := assign("a", 1, 1)
	b.told(a)
	a.Preempting = true
	b.told(a)
	b.told(terminating("a", 1))
	b.want(list{"start 1", "save 1", "stop 1"}, nil)
	b.Ended(task("a"), 1, Outcome{Kind: Interrupted})
	b.want(nil, list{"released 1"})
}

// Cut off, it stops in time, says so in the next session, and begins nothing before
// the coordinator has heard.
func TestCutOff(t *testing.T) {
	b := newBench(t, 2)
	b.told(assign("a", 1, 1))
	b.Heard(10 * time.Second)
	b.Tick(39 * time.Second)
	b.want(list{"start 1"}, nil)
	at, ok := b.Deadline()
	if !ok || at != 40*time.Second {
		t.Fatalf("deadline %v, %v", at, ok)
	}
	if stuck := b.Tick(at); stuck != nil {
		t.Fatal("stuck before it had time to stop")
	}
	b.told(assign("a", 1, 1), assign("b", 1, 1)) // came late
	b.want(list{"stop 1"}, nil)
	b.Ended(task("a"), 1, Outcome{Kind: Interrupted})
	b.want(nil, list{"released 1"})
	b.Welcome(50*time.Second, time.Minute, 10*time.Second)
	b.told(assign("a", 1, 1), assign("b", 1, 1))
	b.want(nil, list{"released 1"})
	b.answer()
	b.want(list{"start 1"}, nil) // b's
	if b.Running()[0].Task != task("b") {
		t.Error("the task that was left began again")
	}
}

// What does not stop before the lease ends is ended with the process.
func TestStuck(t *testing.T) {
	b := newBench(t, 1)
	b.told(assign("a", 1, 1))
	b.Tick(30 * time.Second)
	if at, _ := b.Deadline(); at != 54*time.Second {
		t.Errorf("deadline %v", at)
	}
	if b.Tick(53*time.Second) != nil || b.Tick(54*time.Second) == nil {
		t.Error("it is not told when the process has to end")
	}
}

// A process that wakes after its lease has the usual time to stop.
func TestASleeperStops(t *testing.T) {
	b := newBench(t, 1)
	b.told(assign("a", 1, 1))
	if b.Tick(time.Hour) != nil {
		t.Fatal("it has no time to stop")
	}
	b.want(list{"start 1", "stop 1"}, nil)
	at, _ := b.Deadline()
	if at != time.Hour+24*time.Second || b.Tick(at) == nil {
		t.Errorf("its time ends at %v", at)
	}
}

// What does not save in its time is stopped, and later given up.
func TestASlowSaveIsStopped(t *testing.T) {
	b := newBench(t, 1)
	a := assign("a", 1, 1)
	b.told(a)
	a.Preempting = true
	b.told(a)
	b.want(list{"start 1", "save 1"}, nil)
	for now := time.Duration(0); now < slow; now += time.Second {
		b.Heard(now)
		b.Tick(now)
	}
	b.want(nil, nil)
	b.Tick(slow)
	b.want(list{"stop 1"}, nil)
	b.Heard(slow + hung)
	if b.Tick(slow+hung) == nil {
		t.Error("a run that never stops is not given up")
	}
}

func TestDrain(t *testing.T) {
	b := newBench(t, 2)
	b.told(assign("a", 1, 1))
	b.Drain()
	b.told(assign("a", 1, 1), assign("b", 7, 1))
	b.want(list{"start 1", "save 1"}, nil)
	b.Ended(task("a"), 1, Outcome{Kind: Interrupted})
	if b.Gone() {
		t.Error("gone before the report was answered")
	}
	b.want(nil, list{"interrupted 1"})
	b.answer()
	b.told(assign("a", 2, 1))
	b.want(nil, nil)
	if !b.Gone() {
		t.Error("not gone")
	}
}

// A record that comes out of its turn would ask for what is over.
func TestOldRecordsAreNotObeyed(t *testing.T) {
	b := newBench(t, 1)
	b.Told(Record{Index: 9, Assignments: []Assignment{assign("a", 1, 1)}})
	b.Told(Record{Index: 8})
	b.want(list{"start 1"}, nil)
	b.Ended(task("a"), 1, Outcome{Kind: Done})
	b.Answered(Answer{Number: 1, Index: 12})
	b.Told(Record{Index: 11, Assignments: []Assignment{assign("b", 1, 1)}})
	b.want(nil, nil)
	b.Welcome(0, time.Minute, 10*time.Second) // of a cluster that was restored from an older state
	b.Told(Record{Index: 3, Assignments: []Assignment{assign("b", 2, 1)}})
	b.want(list{"start 2"}, nil)
}
