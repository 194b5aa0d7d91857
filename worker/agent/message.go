package agent

import (
	"time"

	"g2c/api"
)

// Offer is what a worker joins with.
type Offer struct {
	Worker      string
	Incarnation uint64 // of this process: as the coordinator named it, or the time of its start
	Named       bool   // a coordinator has welcomed this process under its incarnation
	Boot        string // of the host: another one after each start of the machine; empty if unknown
	Class       string // numerics class
	Device      string // kind of device
	Memory      int64  // bytes a slot has
	Host        string
	Slots       int
	Address     string    // host:port where the others of a gang reach this process; empty if it trains with none
	Cached      []api.Key // fingerprints of data at hand
}

// Part is a worker's share of a gang.
type Part struct {
	Worker  string
	Slots   int
	Host    string
	Address string // host:port of its process, for the gang
}

// Assignment is this worker's part of a generation of a task.
type Assignment struct {
	Task        api.Key
	Generation  uint64
	Slots       int
	Terminating bool          // to be stopped, and reported Released
	Preempting  bool          // to save its state and stop
	Within      time.Duration // of Preempting: how long that may take from when it was told; 0 if nobody says
	Work        *api.Work     // nil if Terminating
	Gang        []Part        // all of it, sorted by worker; nil if Terminating
}

// Record is all that the coordinator expects of a worker, as its state has it.
type Record struct {
	Index       uint64 // of the state
	Assignments []Assignment
}

// Heard answers a heartbeat and all before it.
type Heard struct{ Heartbeat uint64 }

// ReportKind is what a report says.
type ReportKind uint8

// The kinds of report, as the coordinator's commands of the same names.
const (
	Started ReportKind = 1 + iota
	Done
	Failed
	Interrupted
	Released
)

// String names a kind.
func (k ReportKind) String() string {
	switch k {
	case Started:
		return "started"
	case Done:
		return "done"
	case Failed:
		return "failed"
	case Interrupted:
		return "interrupted"
	case Released:
		return "released"
	}
	return "unknown"
}

// Report says what became of a generation. Numbers rise by one for as long as the
// process lives.
type Report struct {
	Number     uint64
	Kind       ReportKind
	Task       api.Key
	Generation uint64
	Reason     string // of Failed
	Permanent  bool   // of Failed: not worth another attempt
}

// Answer says that a report was applied, or refused.
type Answer struct {
	Number  uint64
	Index   uint64 // of the state that has it
	Refusal string // why it changed nothing; empty if it was taken
}

// Suspicion is members of a gang that do not answer another, or that it waits for.
type Suspicion struct {
	Generation uint64
	Workers    []string
	Reason     string
	Waited     float64 // share of a step that is waited for members that do answer; 0 for others
}

// Progress is where a run stands.
type Progress struct {
	Step, Steps int64   // done, of all
	PerSecond   float64 // steps, since it began here
	Note        string  // what it is at
}

// Line is a line of a task's log.
type Line struct {
	At   time.Time
	Text string
}

// Point is a value of one of a task's series.
type Point struct {
	Name  string
	Step  int64
	Value float64
}
