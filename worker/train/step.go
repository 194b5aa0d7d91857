package train

import (
	"errors"

	"g2c/internal/memlimit"
	"g2c/kernels"
	"g2c/model/graph"
	"g2c/model/nn"
)

// step is what both stages share: a state, its programs, and the losses read
// back after each of them.
type step struct {
	device  kernels.Device
	state   kernels.State
	catalog *nn.Catalog
	execs   []kernels.Exec
	scalar  [1]float32
	images  []imageSlot // of a bench
	pending []*training // run, their losses unread
	read    [1]float64
	// again brings the inputs of a step in a second time, nil where they stay.
	again func(t int64) error
	// exchange is with the other devices of a step; nil alone.
	exchange *exchange
}

// newStep makes the state of a model's programs. Copies of it in main memory, for
// checkpoints, will take so many bytes.
func newStep(d kernels.Device, spec *kernels.StateSpec, catalog *nn.Catalog, copies int64, programs ...*kernels.Program) (*step, error) {
	state, err := kernels.Open(d, spec, copies, programs...)
	if err != nil {
		return nil, err
	}
	s := &step{device: d, state: state, catalog: catalog}
	if err := s.setScalar(graph.Seed, 1); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// loading is a program and where it goes once it is ready.
type loading struct {
	to *kernels.Exec
	p  *kernels.Program
}

// loadAll loads programs; if one does not load, all is closed.
func (s *step) loadAll(programs ...loading) error {
	for _, l := range programs {
		e, err := s.load(l.p)
		if err != nil {
			return errors.Join(err, s.Close())
		}
		*l.to = e
	}
	memlimit.Bound() // what is left is for the heap: copies for checkpoints, and garbage
	return nil
}

func (s *step) load(p *kernels.Program) (kernels.Exec, error) {
	if p == nil {
		return nil, nil
	}
	e, err := s.device.Load(p, s.state)
	if err == nil {
		s.execs = append(s.execs, e)
	}
	return e, err
}

// Close frees the programs and the state, all of them even if one fails.
func (s *step) Close() error {
	var errs []error
	for _, e := range s.execs {
		errs = append(errs, e.Close())
	}
	err := errors.Join(append(errs, s.state.Close())...)
	memlimit.Bound()
	return err
}

// State is the step's memory.
func (s *step) State() kernels.State { return s.state }

// Execs are the programs that are loaded.
func (s *step) Execs() []kernels.Exec { return s.execs }

func (s *step) setScalar(slot string, v float32) error {
	s.scalar[0] = v
	return s.state.PutF32(slot, s.scalar[:])
}
