package state

import (
	"fmt"
	"time"

	"g2c/coordinator/command"
)

// active says whether an experiment's wishes may have slots.
func (e *Experiment) active() bool { return !e.Cancelled && !e.Held }

// WhyHeld says in words who holds an experiment, since when and why.
func (e *Experiment) WhyHeld() string {
	said := "held"
	if e.HeldBy != "" {
		said += " by " + e.HeldBy
	}
	said += " since " + time.UnixMilli(e.HeldSince).UTC().Format(time.RFC3339)
	if e.HeldFor != "" {
		said += ": " + e.HeldFor
	}
	return said
}

// WhyHeld says who holds a task that nobody else wants; nothing if somebody does. If several
// hold it, the first counts.
func (d *data) WhyHeld(t *Task) string {
	said := ""
	for _, e := range d.experimentsOf(t.Seq) {
		switch {
		case e.Cancelled:
		case !e.Held:
			return ""
		case said == "":
			said = e.WhyHeld()
		}
	}
	return said
}

// withhold marks an experiment that is being changed as held.
func (s *State) withhold(e *Experiment, reason string) {
	e.Held, e.HeldSince = true, s.at
	e.HeldBy, e.HeldFor = s.clipped(s.principal, maxName), s.clipped(reason, maxReason)
}

func (e *Experiment) unhold() { e.Held, e.HeldSince, e.HeldBy, e.HeldFor = false, 0, "", "" }

// hold takes what an experiment has back: a gang that runs for it goes on for another who
// wants it as it is, or saves its state and stops. Its tasks stay wanted, so whoever waits
// for them goes on waiting. Who held it first is who holds it.
func (s *State) hold(c command.Hold) error {
	old, err := s.held("hold", c.Experiment)
	if err != nil || old.Held {
		return err
	}
	e := *old
	s.withhold(&e, c.Reason)
	s.putExperiment(&e)
	for _, seq := range e.Tasks {
		t, _ := s.tasks.Get(seq)
		if t.Charged != e.Seq {
			s.touch(t)
			continue
		}
		t = s.editTask(seq)
		s.charge(t)
		s.putTask(t)
	}
	return nil
}

// release lets an experiment's wishes have slots again. A gang that was asked to stop stops
// all the same: its worker may have begun to.
func (s *State) release(c command.Release) error {
	old, err := s.held("release", c.Experiment)
	if err != nil || !old.Held {
		return err
	}
	e := *old
	e.unhold()
	s.putExperiment(&e)
	for _, seq := range e.Tasks {
		t, _ := s.tasks.Get(seq)
		s.touch(t)
	}
	return nil
}

// held finds an experiment that may be held or released.
func (s *State) held(verb, id string) (*Experiment, error) {
	e := s.experiment(id)
	switch {
	case e == nil:
		return nil, fmt.Errorf("%s %s: %w", verb, id, ErrUnknownExperiment)
	case e.Cancelled:
		return nil, fmt.Errorf("%s %s: %w", verb, id, ErrNotWanted)
	}
	return e, nil
}

// touch notes that something else is wanted of a task whose record stays as it is.
func (s *State) touch(t *Task) {
	if t.Status.Live() {
		s.changes.add(Change{Index: s.index, Kind: TaskChanged, Seq: t.Seq})
	}
}
