package state

import (
	"strings"

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
	Need   command.Need // of who submitted it first; each wish has its own

	// While it is placed, of the wish that it is charged to. While it waits, for display:
	// the project of the first experiment that wants it, and the highest priority of all.
	// (Below level 4 the latter hold always.)
	Project  string
	Priority int
	Charged  uint64 // number of the experiment whose wish its gang satisfies; 0 while it has none, and below level 4

	Status  Status
	Reason  string // of the last failure, preemption or cancellation
	WaitsOn int    // inputs that are known and live

	Generation uint64         // of its last placement
	Parts      []command.Part // its gang, sorted by worker; nil unless placed or running
	Preempting bool           // asked to save and stop
	Gone       bool           // done, and its result is missing: to be done again when somebody needs it
	size       uint32         // bytes of Work's encoding
	Avoid      []string       // workers where it failed

	Attempts    int    // placements
	Failures    int    // since it was last submitted or retried
	Deaths      int    // of processes that it ran in, in a row, without a step completed since the one before
	DeathStep   uint64 // the newest step that was heard of at one of them
	Completions int    // at most once, and once more each time that its result was missing
	Missed      int    // how often its result was missing
	NotBefore   int64  // it waits until then after a failure
	Home        string // the worker that finished it, and so has its result at hand

	Submitted, Ready, PlacedAt, Started, Stopping, Ended int64 // unix milliseconds of the last time; 0 for never
}

// Inputs are the keys of what it reads. The list is not to be changed.
func (t *Task) Inputs() []api.Key { return t.inputs }

// Gang is what who submitted it first said of its slots, both bounds at least 1. What
// counts is the gang of a wish.
func (t *Task) Gang() api.Gang { return gangOf(t.Work) }

// gangOf is a work's gang, both bounds at least 1.
func gangOf(w *api.Work) api.Gang {
	low := max(w.Gang.Min, 1)
	return api.Gang{Min: low, Max: max(w.Gang.Max, low)}
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

	apart bool // from level 4 on: wishes have records of their own, and this one lists no tasks
	bytes int  // that it is counted for
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
	Boot        string // of its host; empty if not known
	Left        []Left // what it ran when it was lost, if nobody knows yet whether its host was lost with it
}

// Allocation is slots that a task has of a worker.
type Allocation struct {
	Task        uint64 // Seq
	Generation  uint64
	Slots       int
	Terminating bool   // the worker was told to stop and has not said that it did
	Since       int64  // when it was told; 0 before
	Experiment  uint64 // Seq of the one whose wish it was given for; 0 below level 4
	Project     string // of that experiment: who pays until the slots are free; empty below level 4
}

// Left is a task that a lost worker ran, and the last that was heard of it there.
type Left struct {
	Task  uint64 // Seq
	Step  uint64
	Words string
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

// Fits says whether a worker could run a task as who submitted it first needs it, were
// it empty.
func (w *Worker) Fits(t *Task) bool { return w.Meets(t, t.Need) }

// Meets says whether a worker could run a task for somebody with a need, were it empty.
func (w *Worker) Meets(t *Task, need command.Need) bool {
	return w.Class == t.Work.Task.Numerics && (need.Device == "" || need.Device == w.Device) && w.Memory >= need.Memory
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

	Content [32]byte // SHA-256 of what the caller sent; zero if that was not kept
}

// caller is whose request it was.
func (r *Request) caller() string {
	principal, _, _ := strings.Cut(r.ID, "\x00")
	return principal
}

// User is the role of somebody who is known by a client certificate.
type User struct {
	sealed
	command.User
	Set int64 // when, in unix milliseconds
}

// Certificate is a client certificate that opens nothing any more.
type Certificate struct {
	sealed
	Serial  string
	Note    string
	Revoked int64 // when, in unix milliseconds
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
