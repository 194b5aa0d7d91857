package state

import (
	"strings"

	"g2c/api"
	"g2c/coordinator/command"
)

// The numbers in the tags of records stand in snapshots and backups: they are never
// reused. A field that is added later takes a new number. Package codegen says what the
// tags mean, and writes the method that visits the fields.

// Task is a task as the coordinator sees it.
type Task struct {
	sealed `f:"-"`
	Seq    uint64       `f:"1"` // order of submission
	Work   *api.Work    `f:"2"` // never changed
	work   [32]byte     `f:"-"` // hash of Work's encoding
	inputs []api.Key    `f:"-"`
	Need   command.Need `f:"3,flat"` // of who submitted it first; each wish has its own

	// While it is placed, of the wish that it is charged to. While it waits, for display:
	// the project of the first experiment that wants it, and the highest priority of all.
	// (Below level 4 the latter hold always.)
	Project  string `f:"5"`
	Priority int    `f:"6"`
	Charged  uint64 `f:"25"` // number of the experiment whose wish its gang satisfies; 0 while it has none, and below level 4

	Status  Status `f:"7"`
	Reason  string `f:"8"` // of the last failure, preemption or cancellation
	WaitsOn int    `f:"9"` // inputs that are known and live

	Generation uint64         `f:"10"` // of its last placement
	Parts      []command.Part `f:"11"` // its gang, sorted by worker; nil unless placed or running
	Preempting bool           `f:"12"` // asked to save and stop
	Gone       bool           `f:"29"` // done, and its result is missing: to be done again when somebody needs it
	size       uint32         `f:"-"`  // bytes of Work's encoding
	Avoid      []string       `f:"13"` // workers where it failed

	Attempts    int    `f:"14"` // placements
	Failures    int    `f:"15"` // since it was last submitted or retried
	Deaths      int    `f:"26"` // of processes that it ran in, in a row, without a step completed since the one before
	DeathStep   uint64 `f:"27"` // the newest step that was heard of at one of them
	Completions int    `f:"16"` // at most once, and once more each time that its result was missing
	Missed      int    `f:"28"` // how often its result was missing
	NotBefore   int64  `f:"17"` // it waits until then after a failure
	Home        string `f:"18"` // the worker that finished it, and so has its result at hand

	Submitted int64 `f:"19"` // this and those below: unix milliseconds of the last time; 0 for never
	Ready     int64 `f:"20"`
	PlacedAt  int64 `f:"21"`
	Started   int64 `f:"22"`
	Stopping  int64 `f:"23"`
	Ended     int64 `f:"24"`
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
func (t *Task) Slots() int { return slots(t.Parts) }

// Data is the fingerprint of the data it reads.
func (t *Task) Data() api.Key { return t.Work.Task.Data() }

// Experiment is what somebody asked for.
type Experiment struct {
	sealed    `f:"-"`
	Seq       uint64   `f:"1"`
	ID        string   `f:"2"`
	Name      string   `f:"3"`
	Project   string   `f:"4"`
	Priority  int      `f:"5"`
	Owner     string   `f:"6"`
	Submitted int64    `f:"7"`
	Cancelled bool     `f:"8"`
	Reason    string   `f:"9"`                 // of the cancellation
	Tasks     []uint64 `f:"10" unless:"apart"` // Seq, rising; everything they need is among them

	Held      bool   `f:"11"` // its wishes take no slots
	HeldSince int64  `f:"12"`
	HeldBy    string `f:"13"` // who asked for that
	HeldFor   string `f:"14"` // and why

	apart bool `f:"-"` // from level 4 on: wishes have records of their own, and this one lists no tasks
	bytes int  `f:"-"` // that it is counted for
}

// Worker is a worker and what is held of it.
type Worker struct {
	sealed      `f:"-"`
	ID          string       `f:"1"`
	Incarnation uint64       `f:"2"`
	Class       string       `f:"3"`
	Device      string       `f:"4"`
	Memory      int64        `f:"5"`
	Host        string       `f:"6"`
	Slots       int          `f:"7"`
	Cached      []api.Key    `f:"8"` // sorted
	Mode        command.Mode `f:"9"`
	From        int64        `f:"10"` // of maintenance
	Until       int64        `f:"11"`
	Reason      string       `f:"12"` // of the mode
	Lost        bool         `f:"13"` // its lease ran out
	Joined      int64        `f:"14"`
	Allocations []Allocation `f:"15"`
	Boot        string       `f:"16"` // of its host; empty if not known
	Address     string       `f:"18"` // host:port for the others of a gang; empty if they cannot reach it
	Left        []Left       `f:"17"` // what it ran when it was lost, if nobody knows yet whether its host was lost with it
}

// Allocation is slots that a task has of a worker.
type Allocation struct {
	Task        uint64 `f:"1"` // Seq
	Generation  uint64 `f:"2"`
	Slots       int    `f:"3"`
	Terminating bool   `f:"4"` // the worker was told to stop and has not said that it did
	Since       int64  `f:"5"` // when it was told; 0 before
	Experiment  uint64 `f:"6"` // Seq of the one whose wish it was given for; 0 below level 4
	Project     string `f:"-"` // of that experiment: who pays until the slots are free; empty below level 4
}

// Left is a task that a lost worker ran, and the last that was heard of it there.
type Left struct {
	Task  uint64 `f:"1"` // Seq
	Step  uint64 `f:"2"`
	Words string `f:"3"`
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
	sealed `f:"-"`
	Name   string `f:"1"`
	Weight int    `f:"2"`
	Quota  int    `f:"3"`
}

// Request is a request that was applied.
type Request struct {
	sealed `f:"-"`
	ID     string `f:"1"` // of the principal, then of the request
	Index  uint64 `f:"2"`
	Number int    `f:"3"` // of the command
	Made   string `f:"4"`

	Content [32]byte `f:"5"` // SHA-256 of what the caller sent; zero if that was not kept
}

// caller is whose request it was.
func (r *Request) caller() string {
	principal, _, _ := strings.Cut(r.ID, "\x00")
	return principal
}

// User is the role of somebody who is known by a client certificate.
type User struct {
	sealed       `f:"-"`
	command.User `f:"1,flat"`
	Set          int64 `f:"4"` // when, in unix milliseconds
}

// Certificate is a client certificate that opens nothing any more.
type Certificate struct {
	sealed  `f:"-"`
	Serial  string `f:"1"`
	Note    string `f:"2"`
	Revoked int64  `f:"3"` // when, in unix milliseconds
}

// Token is a token's record.
type Token struct {
	sealed        `f:"-"`
	command.Token `f:"1,flat"`
	Revoked       int64 `f:"8"` // 0 for not
}

// Valid says whether a token opens anything at a time.
func (t *Token) Valid(now int64) bool {
	return t.Revoked == 0 && (t.Expires == 0 || now < t.Expires)
}

// Audit is one line of the audit: a write that somebody asked for, and what
// became of it.
type Audit struct {
	sealed    `f:"-"`
	Number    uint64 `f:"1"`
	Index     uint64 `f:"2"`
	At        int64  `f:"3"`
	Principal string `f:"4"`
	Verb      string `f:"5"`
	Subject   string `f:"6"`
	Outcome   string `f:"7"` // ok, or why not
}
