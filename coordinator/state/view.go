package state

import "g2c/api"

// View is a copy of the state for those who only read: the scheduler, listings.
type View struct {
	Index   uint64
	Tasks   []Task // in the order of submission
	Workers []Worker
}

// View copies the state.
func (s *State) View() View {
	v := View{Index: s.index}
	for _, t := range s.tasks {
		c := *t
		c.Experiments = append([]string(nil), t.Experiments...)
		v.Tasks = append(v.Tasks, c)
	}
	for _, w := range s.workers {
		v.Workers = append(v.Workers, *w)
	}
	return v
}

// Task finds a task by its key.
func (v View) Task(k api.Key) (Task, bool) {
	for _, t := range v.Tasks {
		if t.Work.Key == k {
			return t, true
		}
	}
	return Task{}, false
}

// Count is the number of tasks of a status.
func (v View) Count(s Status) int {
	n := 0
	for _, t := range v.Tasks {
		if t.Status == s {
			n++
		}
	}
	return n
}
