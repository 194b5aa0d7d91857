package server

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/replica"
	"g2c/coordinator/state"
	"g2c/internal/clock"
)

// The watchdog takes a task for hung that was placed and says nothing, or that runs and
// gets no further, for as long as its spec says or the defaults; lines of a log are a
// sign of life before it runs, and steps or another note afterwards. A new leader
// counts from its own beginning.
func TestTheWatchdog(t *testing.T) {
	plain := fixture.Work("plain", fixture.Options{})
	own := fixture.Work("own", fixture.Options{})
	own.Watchdog = api.Watchdog{Start: 60, Progress: 120}
	fake := clock.NewFake(time.UnixMilli(1_000_000))
	s := state.New()
	apply := func(c command.Command) {
		t.Helper()
		if r := s.Apply(s.Index()+1, command.Entry{At: fake.Now().UnixMilli(), Command: c}); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	apply(command.Raise{Level: command.Level})
	apply(command.Submit{Experiment: "e", Works: []api.Work{plain, own}})
	apply(command.Join{Worker: "w", Issue: true, Class: api.ClassCPU, Slots: 2})
	about := map[api.Key]command.Report{}
	for _, w := range []api.Work{plain, own} {
		apply(command.Place{Task: w.Key, Generation: 1, Experiment: 1, Parts: []command.Part{{Worker: "w", Slots: 1}}})
		about[w.Key] = command.Report{Task: w.Key, Worker: "w", Incarnation: 1, Generation: 1}
	}
	r := &leadership{replicated: &replicated{clock: fake}, journal: newJournals(1<<20, fake), began: fake.Now()}
	is := func(what string, w api.Work, want bool, words string) {
		t.Helper()
		snapshot := s.Snapshot()
		c, hangs := r.hung(snapshot, snapshot.Task(w.Key))
		if hangs != want || hangs && (!strings.Contains(c.Reason, words) || !c.Hung || c.Generation != 1) {
			t.Errorf("%s: %s hangs %v, want %v: %+v", what, w.Name(), hangs, want, c)
		}
	}
	step := func(w api.Work, n uint64, note string) {
		r.journal.progress(w.Key, &apiv1.TaskProgress{Generation: 1, Progress: &apiv1.Progress{Step: n, Steps: 10_000, StepsPerSecond: 0.01, Note: note}})
	}
	fake.Advance(59 * time.Second)
	is("after 59 s", own, false, "")
	fake.Advance(time.Second)
	is("after a minute", own, true, "it did not start")
	r.journal.logs(own.Key, "w", &apiv1.TaskLogs{Generation: 1, First: 1, Lines: []*apiv1.TaskLogLine{{Text: "reads its data"}}})
	is("it wrote a line", own, false, "")
	is("the default is an hour", plain, false, "")
	fake.Advance(59 * time.Minute)
	is("after an hour", plain, true, "on w")
	apply(command.Started{Report: about[plain.Key]})
	apply(command.Started{Report: about[own.Key]})
	step(own, 1, "")
	step(plain, 1, "")
	fake.Advance(119 * time.Second)
	is("after two minutes less one second", own, false, "")
	step(own, 1, "")
	fake.Advance(time.Second)
	is("the same step again is no progress", own, true, "no further than step 1 of 10000")
	step(own, 1, "evaluates")
	is("it is at something else", own, false, "")
	fake.Advance(time.Hour)
	is("fifty steps of 100 s are more than half an hour", plain, false, "")
	fake.Advance(time.Hour)
	is("after two hours", plain, true, "no further than step 1")
	r = &leadership{replicated: r.replicated, journal: r.journal, began: fake.Now()}
	is("under a new leader", plain, false, "")
}

// A store that has none of the results that there should be is taken for one that is not
// mounted: nothing is trained again for that.
func TestAStoreThatIsNotMounted(t *testing.T) {
	m := replica.NewMemory("c1", time.Now)
	works := []api.Work{fixture.Work("a", fixture.Options{}), fixture.Work("b", fixture.Options{})}
	var keys []api.Key
	done := map[api.Key]state.Status{}
	for _, w := range works {
		keys = append(keys, w.Key)
		done[w.Key] = state.Done
	}
	for _, c := range []command.Command{command.Raise{Level: command.Level}, command.Submit{Experiment: "e", Works: works, Finished: keys}} {
		if r, err := m.Propose(t.Context(), command.Entry{Command: c}); err != nil || r.Err != nil {
			t.Fatal(err, r.Err)
		}
	}
	var said strings.Builder
	r := &leadership{ctx: t.Context(), replicated: &replicated{m, clock.Real{}}, log: slog.New(slog.NewTextHandler(&said, nil))}
	before := m.Snapshot().Index()
	r.settle(done, map[api.Key]bool{})
	if m.Snapshot().Index() != before || !strings.Contains(said.String(), "mounted") {
		t.Errorf("it wrote %d entries, and said %q", m.Snapshot().Index()-before, &said)
	}
	r.settle(done, map[api.Key]bool{works[0].Key: true})
	if s := m.Snapshot(); s.Task(works[0].Key).Gone || !s.Task(works[1].Key).Gone {
		t.Errorf("gone are %v and %v, want the second", s.Task(works[0].Key).Gone, s.Task(works[1].Key).Gone)
	}
}
