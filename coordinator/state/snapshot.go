package state

import (
	"iter"
	"strings"

	"g2c/api"
)

// Snapshot is the state as it was at one index. It never changes and may be read
// from any number of goroutines.
type Snapshot struct{ data }

// Snapshot takes one: it shares everything with the state until that changes.
func (s *State) Snapshot() *Snapshot { return &Snapshot{s.copy()} }

// Index is the number of the last entry applied.
func (d *data) Index() uint64 { return d.index }

// Level is the vocabulary that every replica reads: nothing above it may be
// written.
func (d *data) Level() int { return d.level }

// Submitted says whether anything was ever submitted.
func (d *data) Submitted() bool { return d.lastExperiment > 0 || d.lastTask > 0 }

// Task finds a task by its key; nil if there is none.
func (d *data) Task(k api.Key) *Task { return d.task(k) }

func (d *data) task(k api.Key) *Task {
	seq, ok := d.byKey.Get(k)
	if !ok {
		return nil
	}
	t, _ := d.tasks.Get(seq)
	return t
}

// TaskAt finds a task by its number; nil if there is none.
func (d *data) TaskAt(seq uint64) *Task {
	t, _ := d.tasks.Get(seq)
	return t
}

// TaskCount is the number of tasks.
func (d *data) TaskCount() int { return d.tasks.Len() }

// Tasks lists tasks in the order they were submitted, from a number on.
func (d *data) Tasks(from uint64) iter.Seq[*Task] {
	return func(yield func(*Task) bool) {
		for _, t := range d.tasks.From(from) {
			if !yield(t) {
				return
			}
		}
	}
}

// TasksWith lists the tasks whose keys begin with a prefix, in the order of their
// keys.
func (d *data) TasksWith(prefix string) iter.Seq[*Task] {
	return func(yield func(*Task) bool) {
		if !api.IsKeyPrefix(prefix) {
			return
		}
		low, err := api.ParseKey(prefix + strings.Repeat("0", 64-len(prefix)))
		if err != nil {
			return
		}
		for k, seq := range d.byKey.From(low) {
			if !k.HasPrefix(prefix) || !yield(d.TaskAt(seq)) {
				return
			}
		}
	}
}

// Readers lists the tasks that read a task's result.
func (d *data) Readers(k api.Key) []*Task {
	var out []*Task
	for _, seq := range d.readersOf(k) {
		out = append(out, d.TaskAt(seq))
	}
	return out
}

// Experiment finds an experiment by its id; nil if there is none.
func (d *data) Experiment(id string) *Experiment { return d.experiment(id) }

func (d *data) experiment(id string) *Experiment {
	seq, ok := d.byID.Get(id)
	if !ok {
		return nil
	}
	e, _ := d.experiments.Get(seq)
	return e
}

// ExperimentAt finds an experiment by its number; nil if there is none.
func (d *data) ExperimentAt(seq uint64) *Experiment {
	e, _ := d.experiments.Get(seq)
	return e
}

// Experiments lists experiments in the order they were submitted, from a number
// on.
func (d *data) Experiments(from uint64) iter.Seq[*Experiment] {
	return func(yield func(*Experiment) bool) {
		for _, e := range d.experiments.From(from) {
			if !yield(e) {
				return
			}
		}
	}
}

// ExperimentsOf lists the experiments that list a task, cancelled ones too.
func (d *data) ExperimentsOf(t *Task) []*Experiment { return d.experimentsOf(t.Seq) }

// Worker finds a worker; nil if there is none.
func (d *data) Worker(id string) *Worker {
	w, _ := d.workers.Get(id)
	return w
}

// WorkerCount is the number of workers.
func (d *data) WorkerCount() int { return d.workers.Len() }

// Workers lists workers in the order of their ids, from one on.
func (d *data) Workers(from string) iter.Seq[*Worker] { return values(d.workers.From(from)) }

// Project is what a project may use, whether anybody set it or not.
func (d *data) Project(name string) Project {
	if p, ok := d.projects.Get(name); ok {
		return *p
	}
	return Project{Name: name, Weight: 1}
}

// Projects lists the projects that somebody set, by name.
func (d *data) Projects() iter.Seq[*Project] { return values(d.projects.All()) }

// Usage is how many slots a project has. From level 4 on, those that are terminating count
// until they are free; before, the gangs' alone.
func (d *data) Usage(project string) int {
	n, _ := d.usage.Get(project)
	return n
}

// Token finds a token's record; nil if there is none.
func (d *data) Token(id string) *Token {
	t, _ := d.tokens.Get(id)
	return t
}

// Tokens lists the tokens' records by id, from one on.
func (d *data) Tokens(from string) iter.Seq[*Token] { return values(d.tokens.From(from)) }

// User finds the role of somebody who is known by a client certificate; nil if there is
// none.
func (d *data) User(name string) *User {
	u, _ := d.users.Get(name)
	return u
}

// Users lists those who have a role by name, from one on.
func (d *data) Users(from string) iter.Seq[*User] { return values(d.users.From(from)) }

// CertificateRevoked says whether the client certificate of a serial number, in lower-case
// hex, opens nothing any more.
func (d *data) CertificateRevoked(serial string) bool { return d.revoked.Has(serial) }

// Certificate finds a revoked client certificate by its serial number; nil if it was not
// revoked.
func (d *data) Certificate(serial string) *Certificate {
	c, _ := d.revoked.Get(serial)
	return c
}

// Request finds what became of a request of a principal; nil if it is not remembered.
func (d *data) Request(principal, id string) *Request {
	r, _ := d.requests.Get(requestID(principal, id))
	return r
}

// AccessIndex is the index of the last entry that may have narrowed what somebody may do.
func (d *data) AccessIndex() uint64 { return d.narrowed }

// Certificates lists the revoked client certificates by serial number, from one on.
func (d *data) Certificates(from string) iter.Seq[*Certificate] {
	return values(d.revoked.From(from))
}

// Audits lists the audit from a number on, oldest first.
func (d *data) Audits(from uint64) iter.Seq[*Audit] { return values(d.audits.From(from)) }

// ChangesSince lists what changed after an index, newest first, a record once for
// each of its changes. It reports false if that is too long ago: then only a new
// listing helps. The list is not in snapshots on disk: it starts anew with Decode.
func (d *data) ChangesSince(index uint64) ([]Change, bool) {
	var out []Change
	ok := d.changes.since(index, func(c Change) { out = append(out, c) })
	return out, ok
}

func values[K, V any](entries iter.Seq2[K, V]) iter.Seq[V] {
	return func(yield func(V) bool) {
		for _, v := range entries {
			if !yield(v) {
				return
			}
		}
	}
}
