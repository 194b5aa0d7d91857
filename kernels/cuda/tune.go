//go:build gpu

package cuda

import (
	"fmt"
	"time"

	"g2c/kernels"
	"g2c/kernels/cuda/tiles"
)

// Trial is what a tile took for one convolution.
type Trial struct {
	Tile   string
	Chosen bool // by the table
	Time   time.Duration
}

// Tune times a convolution of bf16 by each tile that can serve it, the table's order
// first to last: the least of so many runs. It changes nothing: the table is part of the
// numerics class.
func (d *Device) Tune(op kernels.Op, in []kernels.Type, repeats int) ([]Trial, error) {
	p, err := tiles.Of(op, in)
	if err != nil {
		return nil, err
	}
	asked := d.tile
	defer func() { d.tile = asked }()
	chosen := tiles.Choose(d.capability, p, "")
	var all []Trial
	for _, t := range tiles.Candidates(d.capability, p) {
		d.tile = t.Name
		took, err := d.timeOp(op, in, repeats)
		if err != nil {
			return nil, fmt.Errorf("tile %s: %w", t.Name, err)
		}
		all = append(all, Trial{t.Name, t.Name == chosen.Name, took})
	}
	return all, nil
}

// timeOp times one operation on operands of zeros: no convolution's time depends on them.
func (d *Device) timeOp(op kernels.Op, in []kernels.Type, repeats int) (time.Duration, error) {
	spec, p, err := kernels.Single(op, in)
	if err != nil {
		return 0, err
	}
	s, err := d.NewState(spec)
	if err != nil {
		return 0, err
	}
	defer s.Close()
	e, err := d.Load(p, s)
	if err != nil {
		return 0, err
	}
	defer e.Close()
	times, err := e.(*Exec).TimeInstrs(repeats)
	if err != nil {
		return 0, err
	}
	return times[0], nil
}
