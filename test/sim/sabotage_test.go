package sim

import (
	"strings"
	"testing"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
	"g2c/worker/agent"
)

// sabotage is a rule that a world does not keep, so that it has to be found: a check
// that nothing can fail is none.
type sabotage int

const (
	nothing         sabotage = iota
	earlyLeases              // a new leader takes workers for lost that it has not heard yet
	noLeases                 // a process does not watch its lease
	noRepeats                // what a leader did not answer is not said to the next
	earlyReleases            // what a worker is told to stop is taken for stopped
	amnesia                  // a process forgets what it has run
	noRequests               // a request has no number when it is made again
	earlyStarts              // a run says that it trains as a generation before it has left the one before
	anewEachTime             // a run whose gang changes begins anew
	noPreemptions            // nobody is told to save, nor evicted since it did not
	suspectsAreFree          // the slots of a member that is suspected are taken for free
)

// releaseNow takes what a worker is told to stop for stopped.
func (l *leader) releaseNow(s *session, list []agent.Assignment) {
	for _, a := range list {
		if a.Terminating {
			about := command.Report{Task: a.Task, Worker: s.process.node.id, Incarnation: s.incarnation, Generation: a.Generation}
			l.propose(command.Entry{Command: command.Released{Report: about}}, func(state.Result) {})
		}
	}
}

// free takes what members have that are suspected for free.
func (l *leader) free(task api.Key, of agent.Suspicion) {
	for _, worker := range of.Workers {
		if record := l.w.state.Worker(worker); record != nil {
			about := command.Report{Task: task, Worker: worker, Incarnation: record.Incarnation, Generation: of.Generation}
			l.w.apply(command.Entry{Command: command.Released{Report: about}})
		}
	}
}

// Worlds in which a rule is broken are seen to break.
func TestBrokenRulesAreFound(t *testing.T) {
	for _, c := range []struct {
		rule  sabotage
		found string // what it is found by
	}{
		{earlyLeases, "is called lost, and was answered"},
		{noLeases, "is called lost and starts"},
		{noRepeats, "and nobody has heard of"},
		{earlyReleases, "are given away while"},
		{amnesia, "twice"},
		{noRequests, "was applied twice"},
		{earlyStarts, "says started of generation"},
		{anewEachTime, "repeats steps"},
		{suspectsAreFree, "are given away while"},
		{noPreemptions, "still runs for"},
	} {
		t.Run(c.found, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 10; seed++ {
				cfg := worldOf(4*seed + 1)
				if cfg.sabotage = c.rule; c.rule == noPreemptions {
					cfg.longest = 10 * time.Minute // it does not end by itself
				}
				if _, err := play(cfg); err != nil {
					if !strings.Contains(err.Error(), c.found) {
						t.Errorf("it is found by %v, want %q", err, c.found)
					}
					t.Log(err)
					return
				}
			}
			t.Error("nothing was found")
		})
	}
}
