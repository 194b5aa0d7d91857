package state

import (
	"g2c/api"
	"g2c/coordinator/command"
)

// Task is a task as the coordinator sees it.
type Task struct {
	sealed
	Seq    uint64    // order of submission
	Work   *api.Work // never changed
	work   [32]byte  // hash of Work's encoding
	inputs []api.Key
	Need   command.Need

	Project  string // who pays: that of the first experiment that wants it
	Priority int    // the highest of those who want it

	Status  Status
	Reason  string // of the last failure, preemption or cancellation
	WaitsOn int    // inputs that are known and live

	Generation uint64         // of its last placement
	Parts      []command.Part // its gang, sorted by worker; nil unless placed or running
	Preempting bool           // asked to save and stop
	Avoid      []string       // workers where it failed

	Attempts    int // placements
	Failures    int // since it was last submitted or retried
	Completions int
	NotBefore   int64  // it waits until then after a failure
	Home        string // the worker that finished it, and so has its result at hand

	Submitted, Ready, PlacedAt, Started, Stopping, Ended int64 // unix milliseconds of the last time; 0 for never
}

// Inputs are the keys of what it reads. The list is not to be changed.
func (t *Task) Inputs() []api.Key { return t.inputs }

// Gang bounds its slots, both at least 1.
func (t *Task) Gang() api.Gang {
	low := max(t.Work.Gang.Min, 1)
	return api.Gang{Min: low, Max: max(t.Work.Gang.Max, low)}
}

// Slots is how many it runs on.
func (t *Task) Slots() int {
	n := 0
	for _, p := range t.Parts {
		n += p.Slots
	}
	return n
}

// Data is the fingerprint of the data it reads.
func (t *Task) Data() api.Key { return t.Work.Task.Data() }

// Experiment is what somebody asked for.
type Experiment struct {
	sealed
	Seq       uint64
	ID        string
	Name      string
	Project   string
	Priority  int
	Owner     string
	Submitted int64
	Cancelled bool
	Reason    string   // of the cancellation
	Tasks     []uint64 // Seq, rising; everything they need is among them
}

// Worker is a worker and what is held of it.
type Worker struct {
	sealed
	ID          string
	Incarnation uint64
	Class       string
	Device      string
	Memory      int64
	Host        string
	Slots       int
	Cached      []api.Key // sorted
	Mode        command.Mode
	From, Until int64  // of maintenance
	Reason      string // of the mode
	Lost        bool   // its lease ran out
	Joined      int64
	Allocations []Allocation
}

// Allocation is slots that a task has of a worker.
type Allocation struct {
	Task        uint64 // Seq
	Generation  uint64
	Slots       int
	Terminating bool  // the worker was told to stop and has not said that it did
	Since       int64 // when it was told; 0 before
}

// Free is how many slots nobody holds.
func (w *Worker) Free() int {
	n := w.Slots
	for _, h := range w.Allocations {
		n -= h.Slots
	}
	return n
}

// Open says whether a worker takes new tasks at a time.
func (w *Worker) Open(now int64) bool {
	return !w.Lost && (w.Mode == command.Ready || w.Mode == command.Maintenance && !w.inside(now))
}

// Emptying says whether what runs on a worker has to go.
func (w *Worker) Emptying(now int64) bool {
	return !w.Lost && (w.Mode == command.Draining || w.Mode == command.Maintenance && w.inside(now))
}

func (w *Worker) inside(now int64) bool { return now >= w.From && now < w.Until }

// Fits says whether a worker could run a task, were it empty.
func (w *Worker) Fits(t *Task) bool {
	return w.Class == t.Work.Task.Numerics && (t.Need.Device == "" || t.Need.Device == w.Device) && w.Memory >= t.Need.Memory
}

// Project is what a project may use. One that nobody set has weight 1 and no
// quota.
type Project struct {
	sealed
	Name   string
	Weight int
	Quota  int
}

// Request is a request that was applied.
type Request struct {
	sealed
	ID     string // of the principal, then of the request
	Index  uint64
	Number int // of the command
	Made   string
}

// Token is a token's record.
type Token struct {
	sealed
	command.Token
	Revoked int64 // 0 for not
}

// Valid says whether a token opens anything at a time.
func (t *Token) Valid(now int64) bool {
	return t.Revoked == 0 && (t.Expires == 0 || now < t.Expires)
}

// Audit is one line of the audit: a write that somebody asked for, and what
// became of it.
type Audit struct {
	sealed
	Number    uint64
	Index     uint64
	At        int64
	Principal string
	Verb      string
	Subject   string
	Outcome   string // ok, or why not
}
