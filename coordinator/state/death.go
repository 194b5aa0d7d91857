package state

import (
	"fmt"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
)

// A task can be what its processes die of. What shows it is that they die with no word,
// again and again, and never one step further; a host that goes down whole says nothing
// about the tasks on it. So a death counts if the host was not down: another of its workers
// lives, or the next process of this one comes from the same boot.

// runs lists what a worker runs, with the last that was heard of each.
func (w *Worker) runs(s *State, heard []command.Progress) []Left {
	last := make(map[api.Key]command.Progress, len(heard))
	for _, p := range heard {
		last[p.Task] = p
	}
	var out []Left
	for _, a := range w.Allocations {
		t, _ := s.tasks.Get(a.Task)
		if !a.Terminating && t.Generation == a.Generation {
			p := last[t.Work.Key]
			out = append(out, Left{Task: a.Task, Step: p.Step, Words: p.Words})
		}
	}
	return out
}

// hostLives says whether a worker's host has another that is not lost.
func (s *State) hostLives(w *Worker) bool {
	if w.Host == "" {
		return false
	}
	for at := range s.hosts.From(onHost{host: w.Host}) {
		if at.host != w.Host {
			break
		}
		if other, _ := s.workers.Get(at.worker); at.worker != w.ID && !other.Lost {
			return true
		}
	}
	return false
}

// died counts the death of a worker's process against the tasks that it ran, or that it
// had to be taken for dead.
func (s *State) died(worker, how string, left []Left) {
	for _, l := range left {
		t, ok := s.tasks.Get(l.Task)
		if !ok || !t.Status.Live() {
			continue
		}
		t = s.editTask(l.Task)
		if l.Step > t.DeathStep { // it went on since: this one is not in a row
			t.Deaths, t.DeathStep = 0, l.Step
			s.putTask(t)
			continue
		}
		t.Deaths++
		t.avoid(worker)
		if t.Deaths < MaxDeaths || t.Status != Pending { // one that runs again has that chance
			s.putTask(t)
			continue
		}
		t.Reason = s.clipped(t.epitaph(worker, how, s.at, l), maxReason)
		s.move(t, Failed)
		s.orphan(t)
	}
}

// epitaph says of what a task has failed whose processes died.
func (t *Task) epitaph(worker, how string, at int64, l Left) string {
	said := fmt.Sprintf("its processes died or hung %d times in a row with no step completed after step %d, the last time %s on %s at %s",
		t.Deaths, t.DeathStep, how, worker, time.UnixMilli(at).UTC().Format(time.RFC3339))
	if l.Words != "" {
		said += "; its last words: " + l.Words
	}
	return said
}
