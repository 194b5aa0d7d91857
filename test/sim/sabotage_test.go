package sim

import (
	"strings"
	"testing"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
	"g2c/worker/agent"
)

// sabotage is a rule that a world does not keep, so that it has to be found: a check
// that nothing can fail is none.
type sabotage int

const (
	nothing       sabotage = iota
	earlyLeases            // a new leader takes workers for lost that it has not heard yet
	noLeases               // a process does not watch its lease
	noRepeats              // what a leader did not answer is not said to the next
	earlyReleases          // what a worker is told to stop is taken for stopped
	amnesia                // a process forgets what it has run
	noRequests             // a request has no number when it is made again
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

// Worlds in which a rule is broken are seen to break.
func TestBrokenRulesAreFound(t *testing.T) {
	for _, c := range []struct {
		rule  sabotage
		found string // what it is found by
	}{
		{earlyLeases, "is called lost and still runs"},
		{noLeases, "is called lost and still runs"},
		{noRepeats, "and nobody has heard of"},
		{earlyReleases, "are given away while"},
		{amnesia, "twice"},
		{noRequests, "exists already"},
	} {
		t.Run(c.found, func(t *testing.T) {
			t.Parallel()
			for seed := uint64(1); seed <= 10; seed++ {
				cfg := worldOf(4*seed + 1)
				cfg.sabotage = c.rule
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
