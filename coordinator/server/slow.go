package server

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"

	"g2c/api"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// How long what was said of a slow worker counts.
const (
	lateFor = time.Minute      // that a gang waits for it: workers say it again
	slowFor = 20 * time.Minute // that gangs are not to grow onto it
)

// maxSlow bounds the workers and gangs of which something is remembered.
const maxSlow = 10_000

// slowness is what workers say of members that their gangs wait for. It lasts as long as a
// leadership: they say it again.
type slowness struct {
	mu      sync.Mutex
	members map[member]lateness
	workers map[string]time.Time // until when gangs do not grow onto them
}

type member struct {
	task   api.Key
	worker string
}

type lateness struct {
	scheduler.Late
	until time.Time
}

// note takes what was said at a time.
func (s *slowness) note(l scheduler.Late, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.members == nil || len(s.members) >= maxSlow || len(s.workers) >= maxSlow {
		s.members, s.workers = map[member]lateness{}, map[string]time.Time{}
	}
	s.members[member{l.Task, l.Worker}] = lateness{l, at.Add(lateFor)}
	s.workers[l.Worker] = at.Add(slowFor)
}

// late lists members that gangs still wait for, by task and worker.
func (s *slowness) late(snapshot *state.Snapshot, at time.Time) (out []scheduler.Late) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for m, w := range s.members {
		if t := snapshot.Task(m.task); t == nil || t.Generation != w.Generation || !at.Before(w.until) {
			delete(s.members, m)
			continue
		}
		out = append(out, w.Late)
	}
	slices.SortFunc(out, func(a, b scheduler.Late) int {
		return cmp.Or(a.Task.Compare(b.Task), cmp.Compare(a.Worker, b.Worker))
	})
	return out
}

// onto lists workers that gangs are not to grow onto.
func (s *slowness) onto(at time.Time) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.workers, func(_ string, until time.Time) bool { return !at.Before(until) })
	return slices.Sorted(maps.Keys(s.workers))
}
