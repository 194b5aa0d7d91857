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

//go:generate go run ../internal/codegen ..

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

// Command is a change: one of this package's structs that have a number. All that is
// declared of it stands in its tags and in the line above it; package codegen says what
// they mean, and writes the methods.
type Command interface {
	// Number is the command's, in logs and requests: it is for ever.
	Number() int

	level() int // the lowest that has the command and its fields that are set, but for works
	check(c *checker)
	append(b []byte) []byte
	describe() (verb, subject string)
}

// Part is a worker's share of a gang.
type Part struct {
	Worker string `f:"1" rule:"id"`
	Slots  int    `f:"2" rule:"min=1,max=MaxSlots"`
}

// Report says which assignment a worker speaks of. The zero Incarnation stands
// for a worker that has only ever been one process (g2c run).
type Report struct {
	Task        api.Key `f:"1"`
	Worker      string  `f:"2" rule:"id"`
	Incarnation uint64  `f:"3,fixed"`
	Generation  uint64  `f:"4"`
}

// Need is what tasks ask of a slot, beyond their numerics class.
type Need struct {
	Device string `f:"1"`              // a kind of device; empty for any
	Memory int64  `f:"2" rule:"min=0"` // bytes a slot must have; 0 for any
}

// Submit asks for works, inputs before what reads them. Works that are known
// already gain the new experiment's interest and nothing else.
//
//log:command 1 verb="submit" subject=Experiment
type Submit struct {
	Experiment string     `f:"1" rule:"id"` // its id
	Name       string     `f:"2"`
	Project    string     `f:"3"`
	Priority   int        `f:"4"`
	Need       Need       `f:"5,flat"`
	Works      []api.Work `f:"7" rule:"max=MaxWorks"`
	Finished   []api.Key  `f:"8" rule:"max=MaxKeys"` // works whose final manifest exists already
	Held       bool       `f:"9" level:"6"`          // from the beginning, until it is released
}

// Cancel withdraws an experiment. Tasks that no other experiment wants are
// cancelled, unless they are done.
//
//log:command 8 verb="cancel" subject=Experiment
type Cancel struct {
	Experiment string `f:"1"`
	Reason     string `f:"2"`
}

// Hold has an experiment's wishes take no slots until it is released: what runs for it
// alone saves its state and stops, and nothing of it begins.
//
//log:command 29 level=6 verb="hold" subject=Experiment
type Hold struct {
	Experiment string `f:"1"`
	Reason     string `f:"2"`
}

// Release has an experiment that was held go on.
//
//log:command 30 level=6 verb="release" subject=Experiment
type Release struct {
	Experiment string `f:"1"`
}

// Retry gives tasks that failed, and what was cancelled with them, new attempts:
// those of an experiment, or one task.
//
//log:command 18 verb="retry" subject=Experiment|Task
type Retry struct {
	Experiment string  `f:"1"`
	Task       api.Key `f:"2"` // if Experiment is empty
}

// Found says that tasks have their final manifests, whoever made them: the store
// is the truth.
//
//log:command 11
type Found struct {
	Tasks []api.Key `f:"1" rule:"max=MaxKeys"`
}

// Missing says that tasks which were done have no final manifest any more. They are
// done again when somebody needs them.
//
//log:command 25 level=4
type Missing struct {
	Tasks []api.Key `f:"1" rule:"max=MaxKeys"`
}

// Forget drops experiments that ended before a time, and the tasks that no other
// experiment wants.
//
//log:command 24
type Forget struct {
	Before int64 `f:"1"`
}

// Place gives a pending task to workers, whole: its next generation.
//
//log:command 4
type Place struct {
	Task       api.Key `f:"1"`
	Generation uint64  `f:"2"` // the task's generation plus one
	Parts      []Part  `f:"3" rule:"min=1,max=MaxParts,rising=Worker" name:"the workers of a gang"`
	Experiment uint64  `f:"4" level:"4"` // number of the experiment whose wish is satisfied; 0 below level 4
}

// Resize changes the workers of a placed or running task: its next generation,
// which goes on from where the last one stood.
//
//log:command 14
type Resize struct {
	Task       api.Key `f:"1"`
	Generation uint64  `f:"2"` // the task's generation plus one
	Parts      []Part  `f:"3" rule:"min=1,max=MaxParts,rising=Worker" name:"the workers of a gang"`
	Experiment uint64  `f:"4" level:"4"` // number of the experiment whose wish is satisfied; 0 below level 4
}

// Preempt asks a placed or running task to save its state and stop.
//
//log:command 12
type Preempt struct {
	Task       api.Key `f:"1"`
	Generation uint64  `f:"2"`
	Reason     string  `f:"3"`
}

// Evict takes a task off its workers without waiting for its state: it goes on
// from its last checkpoint.
//
//log:command 13
type Evict struct {
	Task       api.Key `f:"1"`
	Generation uint64  `f:"2"`
	Reason     string  `f:"3"`

	// A task that gave no sign of life for too long is taken off as one whose process died:
	// with the newest step that it completed, and the last that its log said.
	Hung  bool   `f:"4" level:"4"`
	Step  uint64 `f:"5" level:"4"`
	Words string `f:"6" level:"4"`
}

// Started says that a gang runs.
//
//log:command 9
type Started struct {
	Report `f:"1,flat"`
}

// Done says that a task has its final manifest.
//
//log:command 5
type Done struct {
	Report `f:"1,flat"`
}

// Failed says that an attempt at a task ended in an error. A permanent error is
// not tried again.
//
//log:command 6
type Failed struct {
	Report    `f:"1"`
	Reason    string `f:"2"`
	Permanent bool   `f:"3"`
}

// Interrupted says that a task was stopped on request, with its state saved: it
// is pending again, and the attempt does not count.
//
//log:command 7
type Interrupted struct {
	Report `f:"1,flat"`
}

// Released says that a worker has left a generation and all before it: what they
// held of it is free.
//
//log:command 10
type Released struct {
	Report `f:"1,flat"`
}

// Progress is the last that was heard of a task on a worker whose process is gone.
type Progress struct {
	Task  api.Key `f:"1"`
	Step  uint64  `f:"2"`                                       // the newest that was completed
	Words string  `f:"3" rule:"max=MaxWords" name:"last words"` // the last that its log said
}

// Join says what a worker offers. A new incarnation has lost what the last one
// ran.
//
//log:command 2
type Join struct {
	Worker      string    `f:"1" rule:"id"`
	Incarnation uint64    `f:"2,fixed"`
	Class       string    `f:"3"`              // numerics class
	Device      string    `f:"4"`              // kind of device
	Memory      int64     `f:"5" rule:"min=0"` // bytes a slot has
	Host        string    `f:"6"`
	Slots       int       `f:"7" rule:"min=1,max=MaxSlots"`
	Cached      []api.Key `f:"8" rule:"max=MaxCached,rising" name:"cached data sets"` // fingerprints of data it has at hand

	Issue    bool       `f:"9" level:"4"`                                                         // a new process, which has no incarnation yet: the next one is issued
	Boot     string     `f:"10" level:"4"`                                                        // names the host's boot: it differs once the host has been down; empty if not known
	Progress []Progress `f:"11" rule:"max=MaxProgress" name:"tasks that made progress" level:"4"` // of what the incarnation before ran
	Address  string     `f:"12" rule:"max=MaxAddress" level:"5"`                                  // host:port where other workers of a gang reach it; empty for one that trains with nobody
}

// Cache says what data a worker has at hand now.
//
//log:command 17
type Cache struct {
	Worker      string    `f:"1" rule:"id"`
	Incarnation uint64    `f:"2,fixed"`
	Cached      []api.Key `f:"3" rule:"max=MaxCached,rising" name:"cached data sets"`
}

// Lost says that a worker's lease ran out: by then it has stopped what it ran.
//
//log:command 15
type Lost struct {
	Worker      string     `f:"1" rule:"id"`
	Incarnation uint64     `f:"2,fixed"`
	Progress    []Progress `f:"3" rule:"max=MaxProgress" name:"tasks that made progress" level:"4"` // of what it ran
}

// Leave says that a worker is gone for good.
//
//log:command 3 verb="remove worker" subject=Worker
type Leave struct {
	Worker      string `f:"1" rule:"id"`
	Incarnation uint64 `f:"2,fixed" level:"4"` // the process that is meant; 0 below level 4, where any is
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
//
//log:command 16 verb="set worker {Mode}" subject=Worker
type SetMode struct {
	Worker string `f:"1" rule:"id"`
	Mode   Mode   `f:"2"`
	From   int64  `f:"3"` // of maintenance, unix milliseconds
	Until  int64  `f:"4"`
	Reason string `f:"5"`
}

// SetProject sets what a project may use.
//
//log:command 19 verb="set project" subject=Project
type SetProject struct {
	Project string `f:"1" rule:"id"`
	Weight  int    `f:"2" rule:"min=1,max=MaxWeight"` // of its fair share, at least 1
	Quota   int    `f:"3" rule:"min=0"`               // most slots at once; 0 for no limit
}

// Token is what the coordinator keeps of a token: never the secret.
type Token struct {
	ID      string   `f:"1" rule:"id"`
	Hash    [32]byte `f:"2"` // of the secret
	Project string   `f:"3"` // empty for all
	Role    string   `f:"4"`
	Created int64    `f:"5"`
	Expires int64    `f:"6"` // unix milliseconds; 0 for never
	Note    string   `f:"7"`
}

// PutToken makes a token known.
//
//log:command 20 verb="create token" subject=Token.ID
type PutToken struct {
	Token Token `f:"1,flat"`
}

// Revoke ends a token.
//
//log:command 21 verb="revoke token" subject=Token
type Revoke struct {
	Token string `f:"1" rule:"id"`
}

// User is somebody who is known by a client certificate.
type User struct {
	Name    string `f:"1" rule:"id"` // the certificate's
	Role    string `f:"2"`
	Project string `f:"3"` // empty for all
}

// PutUser gives a user a role.
//
//log:command 26 level=4 verb="set user" subject=User.Name
type PutUser struct {
	User User `f:"1,flat"`
}

// DropUser takes a user's role away.
//
//log:command 27 level=4 verb="drop user" subject=Name
type DropUser struct {
	Name string `f:"1" rule:"id"`
}

// RevokeCertificate ends a client certificate.
//
//log:command 28 level=4 verb="revoke certificate" subject=Serial
type RevokeCertificate struct {
	Serial string `f:"1" rule:"id"` // lower-case hex, as the certificate has it
	Note   string `f:"2"`
}

// Audit records a refused or outside act that no other command records.
//
//log:command 22 verb="{Verb}" subject=Subject
type Audit struct {
	Verb    string `f:"1"`
	Subject string `f:"2"`
	Outcome string `f:"3"`
}

// Raise says that every replica reads a level, so that commands of it may be
// written.
//
//log:command 23 verb="raise level" subject=Level
type Raise struct {
	Level int `f:"1" rule:"min=1"`
}
