package runners

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"

	"g2c/api"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/agent"
)

// job is what a runner is started for.
type job struct {
	Settings   json.RawMessage // the worker's, as Config has them
	Number     int             // of the worker's runs, this one's
	Slots      int             // of the worker
	Probe      []int           `json:",omitempty"` // slots whose devices a probe opens
	Assignment *assignment     `json:",omitempty"` // nil of a probe
}

// assignment is an agent.Assignment.
type assignment struct {
	Generation uint64
	Slots      int
	Preempting bool
	Gang       []agent.Part
	Work       []byte `json:",omitempty"` // api.Work.Encode; of the first alone
}

func assignmentOf(a agent.Assignment, first bool) *assignment {
	out := &assignment{Generation: a.Generation, Slots: a.Slots, Preempting: a.Preempting, Gang: a.Gang}
	if first {
		out.Work = a.Work.Encode()
	}
	return out
}

// read is the assignment as the agent has it. The work is that of the first one.
func (a *assignment) read(work *api.Work) (agent.Assignment, error) {
	if work == nil {
		w, err := api.RestoreWork(a.Work)
		if err != nil {
			return agent.Assignment{}, err
		}
		work = &w
	}
	if a.Slots < 1 || len(a.Gang) == 0 {
		return agent.Assignment{}, fmt.Errorf("%w: %d slots in a gang of %d workers", ErrFrame, a.Slots, len(a.Gang))
	}
	return agent.Assignment{
		Task: work.Task.Key(), Generation: a.Generation, Slots: a.Slots, Preempting: a.Preempting, Gang: a.Gang, Work: work,
	}, nil
}

// end is why a run is to end.
type end struct {
	Save bool   // agent.ErrSave, and not agent.ErrStop
	Why  string // of another cause
}

func endOf(cause error) end { return end{Save: errors.Is(cause, agent.ErrSave), Why: cause.Error()} }

func (e end) cause() error {
	switch {
	case e.Save:
		return agent.ErrSave
	case e.Why == agent.ErrStop.Error():
		return agent.ErrStop
	}
	return errors.New(e.Why)
}

// want asks for so many more slots.
type want struct{ Slots int }

// slots are slots of the worker, by number.
type slots struct {
	Numbers []int    `json:",omitempty"`
	Refused *outcome `json:",omitempty"` // why there are none
}

// said is what a run has said.
type said struct {
	Lines     []string         `json:",omitempty"`
	Began     uint64           `json:",omitempty"` // the newest generation that trains
	Suspicion *agent.Suspicion `json:",omitempty"`
	Progress  *agent.Progress  `json:",omitempty"`
	Points    []point          `json:",omitempty"`
}

// point is an agent.Point. The value is its bits: a loss may be no number, of which JSON has
// no word.
type point struct {
	Name  string
	Step  int64
	Value uint64
}

func (s *said) empty() bool {
	return len(s.Lines) == 0 && s.Began == 0 && s.Suspicion == nil && s.Progress == nil && len(s.Points) == 0
}

// tell says it again, in the order in which a run says such things.
func (s *said) tell(out *agent.Output) {
	for _, l := range s.Lines {
		out.Line(l)
	}
	if s.Progress != nil {
		out.Progress(*s.Progress)
	}
	for _, p := range s.Points {
		out.Point(p.Name, p.Step, math.Float64frombits(p.Value))
	}
	if s.Began > 0 {
		out.Started(s.Began)
	}
	if s.Suspicion != nil {
		out.Suspect(*s.Suspicion)
	}
}

// Found is what a host has for a worker.
type Found struct {
	Device string // kind of device
	Class  string // numerics class
	Memory int64  // of each slot, in whole GiB: bytes; 0 if it is not known
}

// classes are the errors that whoever hears of an outcome tells apart.
var classes = map[string]error{
	"training": fault.ErrTraining, "spec": fault.ErrSpec, "data": fault.ErrData, "not found": fault.ErrNotFound,
	"unavailable": fault.ErrUnavailable, "interrupted": fault.ErrInterrupted, "device lost": kernels.ErrLost,
}

// outcome is an error on its way: its text with its hint, and its classes.
type outcome struct {
	Text    string
	Classes []string `json:",omitempty"`
}

// outcomeOf is that of an error; nil of nil.
func outcomeOf(err error) *outcome {
	if err == nil {
		return nil
	}
	o := &outcome{Text: err.Error()}
	for name, class := range classes {
		if errors.Is(err, class) {
			o.Classes = append(o.Classes, name)
		}
	}
	slices.Sort(o.Classes)
	return o
}

// err is the error that an outcome was made of, as far as anybody asks.
func (o *outcome) err() error {
	if o == nil {
		return nil
	}
	e := &carried{text: o.Text}
	for _, name := range o.Classes {
		if class := classes[name]; class != nil {
			e.classes = append(e.classes, class)
		}
	}
	return e
}

// carried is an error of another process.
type carried struct {
	text    string
	classes []error
}

// Error implements error.
func (c *carried) Error() string { return c.text }

// Unwrap has errors.Is find the classes.
func (c *carried) Unwrap() []error { return c.classes }

// ended is the body of kindOutcome.
type ended struct {
	Failed *outcome `json:",omitempty"` // nil if the task has its final manifest
}
