// Package command is the vocabulary of changes to the coordinator's state: what
// is written to the log and replayed from it. A command says what happened; times
// and names arrive in it. It decides nothing: state.Apply does.
//
// Words:
//
//   - An Entry is a command with what surrounds it: when, who asked, and the
//     number under which a repeated request is recognised.
//   - A level is a version of this vocabulary. Replicas of two releases run side
//     by side as long as nothing above the older one's level is written.
//   - A generation numbers the placements of a task. What a worker reports carries
//     it, and a report of an old one changes nothing.
//   - An incarnation tells two processes apart that call themselves the same
//     worker.
//
// Values are plain data; share them between goroutines only unchanged.
package command

import "g2c/api"

// Entry is one change as it stands in the log.
type Entry struct {
	At        int64  // unix milliseconds, by the clock of the leader who wrote it
	Request   string // repeats of a request change nothing; empty for what cannot be repeated
	Principal string // who asked; entries of a principal leave an audit record
	Command   Command

	// Content is the SHA-256 of what the caller sent, so that a request id means its
	// content: the command made of it may hold what is drawn anew each time. Zero for none.
	Content [32]byte
}

// Command is a change. The numbers of its kinds are for ever.
type Command interface{ Number() int }

// Part is a worker's share of a gang.
type Part struct {
	Worker string
	Slots  int
}

// Report says which assignment a worker speaks of. The zero Incarnation stands
// for a worker that has only ever been one process (g2c run).
type Report struct {
	Task        api.Key
	Worker      string
	Incarnation uint64
	Generation  uint64
}

// Need is what tasks ask of a slot, beyond their numerics class.
type Need struct {
	Device string // a kind of device; empty for any
	Memory int64  // bytes a slot must have; 0 for any
}

// Submit asks for works, inputs before what reads them. Works that are known
// already gain the new experiment's interest and nothing else.
type Submit struct {
	Experiment string // its id
	Name       string
	Project    string
	Priority   int
	Need       Need
	Works      []api.Work
	Finished   []api.Key // works whose final manifest exists already
}

// Cancel withdraws an experiment. Tasks that no other experiment wants are
// cancelled, unless they are done.
type Cancel struct {
	Experiment string
	Reason     string
}

// Retry gives tasks that failed, and what was cancelled with them, new attempts:
// those of an experiment, or one task.
type Retry struct {
	Experiment string
	Task       api.Key // if Experiment is empty
}

// Found says that tasks have their final manifests, whoever made them: the store
// is the truth.
type Found struct{ Tasks []api.Key }

// Missing says that tasks which were done have no final manifest any more. They are
// done again when somebody needs them.
type Missing struct{ Tasks []api.Key }

// Forget drops experiments that ended before a time, and the tasks that no other
// experiment wants.
type Forget struct{ Before int64 }

// Place gives a pending task to workers, whole: its next generation.
type Place struct {
	Task       api.Key
	Generation uint64 // the task's generation plus one
	Parts      []Part
	Experiment uint64 // number of the experiment whose wish is satisfied; 0 below level 4
}

// Resize changes the workers of a placed or running task: its next generation,
// which goes on from where the last one stood.
type Resize struct {
	Task       api.Key
	Generation uint64 // the task's generation plus one
	Parts      []Part
	Experiment uint64 // number of the experiment whose wish is satisfied; 0 below level 4
}

// Preempt asks a placed or running task to save its state and stop.
type Preempt struct {
	Task       api.Key
	Generation uint64
	Reason     string
}

// Evict takes a task off its workers without waiting for its state: it goes on
// from its last checkpoint.
type Evict struct {
	Task       api.Key
	Generation uint64
	Reason     string

	// A task that gave no sign of life for too long is taken off as one whose process died:
	// with the newest step that it completed, and the last that its log said.
	Hung  bool
	Step  uint64
	Words string
}

// Started says that a gang runs.
type Started struct{ Report }

// Done says that a task has its final manifest.
type Done struct{ Report }

// Failed says that an attempt at a task ended in an error. A permanent error is
// not tried again.
type Failed struct {
	Report
	Reason    string
	Permanent bool
}

// Interrupted says that a task was stopped on request, with its state saved: it
// is pending again, and the attempt does not count.
type Interrupted struct{ Report }

// Released says that a worker has left a generation and all before it: what they
// held of it is free.
type Released struct{ Report }

// Progress is the last that was heard of a task on a worker whose process is gone.
type Progress struct {
	Task  api.Key
	Step  uint64 // the newest that was completed
	Words string // the last that its log said
}

// Join says what a worker offers. A new incarnation has lost what the last one
// ran.
type Join struct {
	Worker      string
	Incarnation uint64
	Class       string // numerics class
	Device      string // kind of device
	Memory      int64  // bytes a slot has
	Host        string
	Slots       int
	Cached      []api.Key // fingerprints of data it has at hand

	Issue    bool       // a new process, which has no incarnation yet: the next one is issued
	Boot     string     // names the host's boot: it differs once the host has been down; empty if not known
	Progress []Progress // of what the incarnation before ran
}

// Cache says what data a worker has at hand now.
type Cache struct {
	Worker      string
	Incarnation uint64
	Cached      []api.Key
}

// Lost says that a worker's lease ran out: by then it has stopped what it ran.
type Lost struct {
	Worker      string
	Incarnation uint64
	Progress    []Progress // of what it ran
}

// Leave says that a worker is gone for good.
type Leave struct {
	Worker      string
	Incarnation uint64 // the process that is meant; 0 below level 4, where any is
}

// Mode is what an operator lets a worker do.
type Mode string

// The modes.
const (
	Ready       Mode = "ready"
	Cordoned    Mode = "cordoned"    // nothing new
	Draining    Mode = "draining"    // nothing new, and what runs is preempted
	Maintenance Mode = "maintenance" // draining, from one time until another
)

// SetMode sets a worker's mode.
type SetMode struct {
	Worker string
	Mode   Mode
	From   int64 // of maintenance, unix milliseconds
	Until  int64
	Reason string
}

// SetProject sets what a project may use.
type SetProject struct {
	Project string
	Weight  int // of its fair share, at least 1
	Quota   int // most slots at once; 0 for no limit
}

// Token is what the coordinator keeps of a token: never the secret.
type Token struct {
	ID      string
	Hash    [32]byte // of the secret
	Project string   // empty for all
	Role    string
	Created int64
	Expires int64 // unix milliseconds; 0 for never
	Note    string
}

// PutToken makes a token known.
type PutToken struct{ Token Token }

// Revoke ends a token.
type Revoke struct{ Token string }

// User is somebody who is known by a client certificate.
type User struct {
	Name    string // the certificate's
	Role    string
	Project string // empty for all
}

// PutUser gives a user a role.
type PutUser struct{ User User }

// DropUser takes a user's role away.
type DropUser struct{ Name string }

// RevokeCertificate ends a client certificate.
type RevokeCertificate struct {
	Serial string // lower-case hex, as the certificate has it
	Note   string
}

// Audit records a refused or outside act that no other command records.
type Audit struct {
	Verb    string
	Subject string
	Outcome string
}

// Raise says that every replica reads a level, so that commands of it may be
// written.
type Raise struct{ Level int }
