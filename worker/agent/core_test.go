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
		got = append(got, fmt.Sprint([]string{"", "start", "save", "stop", "change"}[o.Kind], " ", o.Generation))
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
	b.Ended(task("a"), Outcome{Kind: Done})
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
	b.Ended(task("a"), Outcome{Kind: Failed, Reason: "killed"})
	b.want(nil, list{"released 3"})
	b.answer()
	b.want(nil, nil) // the record is older than the answer, and was obeyed already
	b.told(terminating("a", 4))
	b.want(nil, list{"released 4"})
}

// A run lives through generations: it is told of the next, keeps what it has until it
// trains as that, and then has left those before.
func TestARunLivesThroughGenerations(t *testing.T) {
	b := newBench(t, 2)
	b.told(assign("a", 1, 2))
	b.Started(task("a"), 1)
	b.want(list{"start 1"}, list{"started 1"})
	b.answer()
	b.told(assign("a", 2, 1), terminating("a", 1), assign("b", 1, 1))
	b.want(list{"change 2"}, nil) // it still uses both slots, so b waits
	b.Started(task("a"), 1)       // too late to matter
	b.want(nil, nil)
	b.Started(task("a"), 2)
	b.Started(task("a"), 2)
	b.want(nil, list{"started 2"})
	b.answer()
	b.told(assign("a", 2, 1), terminating("a", 1), assign("b", 1, 1))
	b.want(list{"start 1"}, list{"released 1"})
	b.answer()
	b.Ended(task("a"), Outcome{Kind: Done})
	b.want(nil, list{"done 2"})
}

// What a run ends with is of the newest generation that it was told of, whether or not it
// had begun with that.
func TestARunEndsAsTheNewestGeneration(t *testing.T) {
	b := newBench(t, 2)
	b.told(assign("a", 1, 1))
	b.told(assign("a", 2, 1))
	b.Ended(task("a"), Outcome{Kind: Done})
	b.want(list{"start 1", "change 2"}, list{"done 2"})
	b.answer()
	a := assign("b", 4, 1)
	b.told(a)
	a.Preempting = true
	b.told(a)
	b.told(assign("b", 5, 1)) // it saves, and no other run begins meanwhile
	b.Ended(task("b"), Outcome{Kind: Interrupted})
	b.want(list{"start 4", "save 4"}, list{"interrupted 5"})
}

// More slots than are free yet are waited for, in the generation that it has.
func TestAGrowingRunWaitsForItsSlots(t *testing.T) {
	b := newBench(t, 2)
	b.told(assign("a", 1, 1), assign("b", 1, 1))
	b.told(assign("a", 2, 2), terminating("b", 1))
	b.want(list{"start 1", "start 1", "stop 1"}, nil)
	b.Ended(task("b"), Outcome{Kind: Interrupted})
	b.want(nil, list{"released 1"})
	b.answer()
	b.told(assign("a", 2, 2))
	b.want(list{"change 2"}, nil)
}

// Members that change their addresses are told of, though the generation stays.
func TestNewAddressesAreTold(t *testing.T) {
	b := newBench(t, 1)
	a := assign("a", 1, 1)
	b.told(a)
	b.told(a)
	b.want(list{"start 1"}, nil)
	a.Gang = []Part{{Worker: "w", Slots: 1, Address: "h:1"}}
	b.told(a)
	b.want(list{"change 1"}, nil)
}

func TestAPreemptedTaskSaves(t *testing.T) {
	b := newBench(t, 1)
	b.told(assign("a", 1, 1))
	a := assign("a", 1, 1)
	a.Preempting = true
	b.told(a)
	b.want(list{"start 1", "save 1"}, nil)
	b.Ended(task("a"), Outcome{Kind: Interrupted})
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
	b.Ended(task("a"), Outcome{Kind: Interrupted})
	b.want(nil, list{"released 1"})
}

// Cut off, what runs is orphaned: it goes on, and nothing else begins. Its end is told in
// the next session, before that asks for anything.
func TestOrphans(t *testing.T) {
	b := newBench(t, 3)
	b.told(assign("a", 1, 1), assign("c", 1, 1))
	b.Heard(10 * time.Second)
	b.Tick(39 * time.Second)
	b.want(list{"start 1", "start 1"}, nil)
	at, ok := b.Deadline()
	if !ok || at != 40*time.Second || b.Cut() {
		t.Fatalf("deadline %v, %v", at, ok)
	}
	b.Tick(at)
	if !b.Cut() {
		t.Fatal("its lease does not end")
	}
	b.told(assign("b", 1, 1)) // came late
	b.want(nil, nil)
	b.Ended(task("a"), Outcome{Kind: Done})
	b.want(nil, list{"done 1"})
	b.Welcome(50*time.Second, time.Minute, 10*time.Second)
	b.told(assign("b", 1, 1), assign("c", 1, 1))
	b.want(nil, list{"done 1"})
	b.answer()
	b.want(list{"start 1"}, nil) // b's; c goes on
	if len(b.Running()) != 2 {
		t.Error("the orphan did not live to be wanted again")
	}
}

// An orphan that nobody has wanted back for ten minutes saves its state and ends; when it
// does not, the process does. One that slept meanwhile has as long to end.
func TestOrphansEnd(t *testing.T) {
	for _, wakes := range []time.Duration{30 * time.Second, time.Hour} {
		b := newBench(t, 1)
		b.told(assign("a", 1, 1))
		b.Tick(wakes)
		b.want(list{"start 1"}, nil)
		end := wakes + orphaned
		if at, _ := b.Deadline(); at != end {
			t.Errorf("it is looked at again at %v, want %v", at, end)
		}
		b.Tick(end - 1)
		b.want(nil, nil)
		b.Tick(end)
		b.want(list{"stop 1"}, nil)
		at, _ := b.Deadline()
		if at != end+hung || b.Tick(at-1) != nil || b.Tick(at) == nil {
			t.Errorf("its time ends at %v", at)
		}
	}
}

// A coordinator that has given the task to others meanwhile has the orphan stop.
func TestAnOrphanThatIsNotWantedStops(t *testing.T) {
	b := newBench(t, 1)
	b.told(assign("a", 1, 1))
	b.Tick(time.Minute)
	b.Welcome(2*time.Minute, time.Minute, 10*time.Second)
	b.told()
	b.want(list{"start 1", "stop 1"}, nil)
	b.told(assign("b", 1, 1))
	b.want(nil, nil)
	b.Ended(task("a"), Outcome{Kind: Interrupted})
	b.want(nil, list{"released 1"})
	b.answer()
	b.told(assign("b", 1, 1))
	b.want(list{"start 1"}, nil)
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
	if b.Tick(slow+hung) != nil {
		t.Error("it is given up twice at once")
	}
	if at, _ := b.Deadline(); at > slow+2*hung || b.Tick(slow+2*hung) == nil {
		t.Error("a run that outlives that is not given up again")
	}
}

func TestDrain(t *testing.T) {
	b := newBench(t, 2)
	b.told(assign("a", 1, 1))
	b.Drain(0, 0)
	b.told(assign("a", 1, 1), assign("b", 7, 1))
	b.want(list{"start 1", "save 1"}, nil)
	b.Ended(task("a"), Outcome{Kind: Interrupted})
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

// What has to be gone soon saves for a part of that time, stops in the next, and is then ended
// by force: the word of it goes out before the time is over.
func TestANotice(t *testing.T) {
	b := newBench(t, 1)
	b.told(assign("a", 1, 1))
	b.Tick(time.Second)
	b.Drain(2*time.Second, 10*time.Second)
	if at, ok := b.Deadline(); !ok || at != 8*time.Second {
		t.Errorf("it looks again at %v, %v", at, ok)
	}
	b.Tick(8*time.Second - 1)
	b.want(list{"start 1", "save 1"}, nil)
	b.Tick(8 * time.Second)
	b.want(list{"stop 1"}, nil)
	if b.Tick(10*time.Second+500*time.Millisecond-1) != nil || b.Tick(10*time.Second+500*time.Millisecond) == nil {
		t.Error("it is not ended by force a quarter of the time later")
	}
}

// A preempted task has the time that its coordinator gives it, if that is less than it would have.
func TestAPreemptionHasATime(t *testing.T) {
	for within, stops := range map[time.Duration]time.Duration{30 * time.Second: 30 * time.Second, 0: slow, time.Hour: slow} {
		b := newBench(t, 1)
		a := assign("a", 1, 1)
		b.told(a)
		a.Preempting, a.Within = true, within
		b.told(a)
		for now := time.Second; now < stops; now += time.Second {
			b.Heard(now)
			b.Tick(now)
		}
		b.want(list{"start 1", "save 1"}, nil)
		b.Tick(stops)
		b.want(list{"stop 1"}, nil)
	}
}

// A record that comes out of its turn would ask for what is over.
func TestOldRecordsAreNotObeyed(t *testing.T) {
	b := newBench(t, 1)
	b.Told(Record{Index: 9, Assignments: []Assignment{assign("a", 1, 1)}})
	b.Told(Record{Index: 8})
	b.want(list{"start 1"}, nil)
	b.Ended(task("a"), Outcome{Kind: Done})
	b.Answered(Answer{Number: 1, Index: 12})
	b.Told(Record{Index: 11, Assignments: []Assignment{assign("b", 1, 1)}})
	b.want(nil, nil)
	b.Welcome(0, time.Minute, 10*time.Second) // of a cluster that was restored from an older state
	b.Told(Record{Index: 3, Assignments: []Assignment{assign("b", 2, 1)}})
	b.want(list{"start 2"}, nil)
}
