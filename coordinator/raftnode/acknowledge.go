package raftnode

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// acknowledgements says of each member when this node sent the newest message of its
// leadership term that the member acknowledged. An answer proves nothing about the
// time at which it arrives: it may have been under way for long. It proves that the
// member followed this term at some time after the question was sent.
//
// Times are of Go's monotonic clock and are compared with each other alone.
type acknowledgements struct {
	moved chan struct{} // something was noted; room for one

	mu   sync.Mutex
	term uint64
	sent map[raft.ServerID]time.Time
}

func newAcknowledgements() *acknowledgements {
	return &acknowledgements{moved: make(chan struct{}, 1), sent: map[raft.ServerID]time.Time{}}
}

// note enters that a member acknowledged a term in a message that was sent at a time
// or later. What is known of another term proves nothing about the newest.
func (a *acknowledgements) note(term uint64, member raft.ServerID, sent time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if term < a.term {
		return
	}
	if term > a.term {
		a.term = term
		clear(a.sent)
	}
	if sent.After(a.sent[member]) {
		a.sent[member] = sent
	}
	select {
	case a.moved <- struct{}{}:
	default:
	}
}

// since is the latest time such that a majority of the voters followed this term at
// that time or later; the zero time if there is none. This node follows it now, if it
// votes. Learners are asked as well and count for nothing.
func (a *acknowledgements) since(term uint64, servers []raft.Server, self raft.ServerID, now time.Time) time.Time {
	a.mu.Lock()
	defer a.mu.Unlock()
	var times []time.Time
	for _, s := range servers {
		switch {
		case s.Suffrage != raft.Voter:
			continue
		case s.ID == self:
			times = append(times, now)
		case term == a.term:
			times = append(times, a.sent[s.ID])
		default:
			times = append(times, time.Time{})
		}
	}
	if len(times) == 0 {
		return time.Time{}
	}
	slices.SortFunc(times, func(x, y time.Time) int { return y.Compare(x) })
	return times[len(times)/2] // of n voters a majority is n/2 + 1
}
