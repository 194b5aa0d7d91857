//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"strings"

	"gorgonia.org/cu"

	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// Run implements kernels.Exec. It returns when the work is on its lane; what reads its
// results waits.
func (e *Exec) Run() error { return e.device.do(e.run) }

// RunSegment implements kernels.Exec.
func (e *Exec) RunSegment(i int) error { return e.device.do(e.parts[i].run) }

func (e *Exec) runAll() error {
	for i := range e.parts {
		if err := e.replay(i); err != nil {
			return err
		}
	}
	return nil
}

// replay launches the graph of a segment, which is captured the first time.
func (e *Exec) replay(i int) error {
	if err := e.ready(); err != nil {
		return err
	}
	q := &e.parts[i]
	if q.From == q.To {
		return nil
	}
	return e.work(q.reads, q.writes, func() error {
		if e.device.sync {
			return e.stepwise(q.Segment)
		}
		return e.launchGraph(&q.graph, q.Segment, func() error { return nil })
	})
}

// RunGuarded implements kernels.Guarded: a look at the losses sets the guard, which the
// kernels of updates read.
func (e *Exec) RunGuarded(i int, losses []string) error {
	q := &e.parts[i]
	if q.losses != nil && strings.Join(q.losses, " ") != strings.Join(losses, " ") {
		return fmt.Errorf("cuda: segment %s of %s is guarded by %v", q.Name, e.program.Name, q.losses)
	}
	return e.device.do(func() error {
		if err := e.ready(); err != nil {
			return err
		}
		if err := e.guard(q, losses); err != nil {
			return err
		}
		look := func() error { return e.look(q.look) }
		return e.work(q.lookReads, q.writes, func() error {
			if !e.device.sync {
				return e.launchGraph(&q.guarded, q.Segment, look)
			}
			if err := look(); err != nil {
				return err
			}
			return e.stepwise(q.Segment)
		})
	})
}

// guard makes the launches that set the guard, once: slots and the guard stay where they
// are as long as the state does.
func (e *Exec) guard(q *part, losses []string) error {
	if q.losses != nil {
		return nil
	}
	look, err := e.trips(losses)
	if err != nil {
		return err
	}
	reads := append([]int(nil), q.reads...)
	for _, name := range losses {
		reads = append(reads, e.state.index[name]...)
	}
	q.losses, q.look, q.lookReads = append([]string(nil), losses...), look, reads
	return nil
}

// trips are the launches that set the guard if one of the losses is not finite. They are
// made outside a capture, in which the driver may refuse to load a kernel.
func (e *Exec) trips(losses []string) ([]launch, error) {
	b := &builder{device: e.device}
	for _, name := range losses {
		t, err := e.state.find(name)
		if err != nil {
			return nil, err
		}
		b.elements("trip", t.Shape.Len()).Pointer(t.at).Pointer(e.state.guard).Int(t.Shape.Len())
	}
	return b.launches, b.err
}

// look sets the guard.
func (e *Exec) look(trips []launch) error {
	for _, l := range trips {
		if err := driver.Launch(l.function, l.grid, e.device.lanes[compute].stream, l.args); err != nil {
			return err
		}
	}
	return nil
}

// work hands over a piece of work on slots: behind what it depends on, before what
// depends on it.
func (e *Exec) work(reads, writes []int, f func() error) error {
	if err := e.state.begin(compute, reads, writes); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	piece, err := e.device.lanes[compute].done()
	e.state.end(compute, piece, reads, writes)
	return err
}

// launchGraph launches a segment behind something else, from a graph of both.
func (e *Exec) launchGraph(g **driver.Graph, s kernels.Segment, first func() error) error {
	stream := e.device.lanes[compute].stream
	if *g == nil {
		made, err := e.capture(stream, s, first)
		if err != nil {
			return fmt.Errorf("capture segment %s of %s: %w", s.Name, e.program.Name, err)
		}
		*g = &made
	}
	return (*g).Launch(stream)
}

func (e *Exec) capture(stream cu.Stream, s kernels.Segment, first func() error) (driver.Graph, error) {
	if err := driver.BeginCapture(stream); err != nil {
		return driver.Graph{}, err
	}
	err := first()
	for k := s.From; k < s.To && err == nil; k++ {
		err = e.launch(k, e.joined[k])
	}
	g, endErr := driver.EndCapture(stream)
	if err != nil && endErr == nil {
		_ = g.Destroy() // what was captured is not wanted
	}
	return g, errors.Join(err, endErr)
}

// stepwise runs the instructions of a segment, each to its end.
func (e *Exec) stepwise(s kernels.Segment) error {
	for k := s.From; k < s.To; k++ {
		if err := e.finish(k, e.joined[k]); err != nil {
			return err
		}
	}
	return nil
}

// finish runs an instruction and waits for it, so that an error is that instruction's.
func (e *Exec) finish(k int, launches []launch) error {
	stream, times := e.device.lanes[compute].stream, e.device.times
	if err := times.begin(stream); err != nil {
		return err
	}
	if err := e.launch(k, launches); err != nil {
		return err
	}
	if err := times.end(stream, e.program.Instrs[k].Op.Name()); err != nil {
		return fmt.Errorf("%s: %w", e.program.Line(k), err)
	}
	return nil
}

// launch puts the kernels of an instruction on their lane.
func (e *Exec) launch(k int, launches []launch) error {
	for _, l := range launches {
		if err := driver.Launch(l.function, l.grid, e.device.lanes[compute].stream, l.args); err != nil {
			return fmt.Errorf("%s: %w", e.program.Line(k), err)
		}
	}
	return nil
}

// RunInstr implements kernels.Exec. It waits for the instruction.
func (e *Exec) RunInstr(i int) error {
	reads, writes := e.touched(i, i+1)
	return e.device.do(func() error {
		if err := e.ready(); err != nil {
			return err
		}
		return e.work(reads, writes, func() error { return e.finish(i, e.launches[i]) })
	})
}

// GetValue implements kernels.Exec.
func (e *Exec) GetValue(id int, dst []float64) error { return e.transfer(id, dst, true) }

// PutValue implements kernels.Exec.
func (e *Exec) PutValue(id int, src []float64) error { return e.transfer(id, src, false) }

// transfer copies a value, slot or not, when nothing else runs.
func (e *Exec) transfer(id int, v []float64, toHost bool) error {
	t := e.program.Values[id].Type
	if t.Shape.Len() != len(v) {
		return fmt.Errorf("program %s: value %%%d is %v, not %d elements", e.program.Name, id, t, len(v))
	}
	return e.device.do(func() error {
		if err := e.ready(); err != nil {
			return err
		}
		if err := e.device.idle(); err != nil {
			return err
		}
		at := e.values[id].at
		switch t.DType {
		case kernels.I32:
			return through[int32](e.state, at, v, toHost)
		case kernels.U8:
			return through[uint8](e.state, at, v, toHost)
		case kernels.BF16:
			own := narrow(convert[float32](v))
			err := e.state.copyNow(at, raw(own), toHost)
			if toHost {
				copy(v, convert[float64](widen(own)))
			}
			return err
		}
		return through[float32](e.state, at, v, toHost)
	})
}

// through copies by way of the device's own type.
func through[T float32 | int32 | uint8](s *State, at cu.DevicePtr, v []float64, toHost bool) error {
	own := make([]T, len(v))
	if toHost {
		err := s.copyNow(at, raw(own), toHost)
		for i, x := range own {
			v[i] = float64(x)
		}
		return err
	}
	for i, x := range v {
		own[i] = T(x)
	}
	return s.copyNow(at, raw(own), toHost)
}

// copyNow copies bytes and waits for them.
func (s *State) copyNow(at cu.DevicePtr, v []byte, toHost bool) error {
	if toHost {
		_, err := s.fetch(v, at)
		return err
	}
	if _, err := s.send(at, v); err != nil {
		return err
	}
	return s.device.idle()
}

var _ kernels.Guarded = (*Exec)(nil)
