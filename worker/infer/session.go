package infer

import (
	"context"
	"errors"

	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/graph"
	"g2c/model/nn"
	"g2c/worker/train"
)

// session is a state with two programs: pixels to images, images to results.
type session struct {
	size, batch int
	pixelSlot   string
	state       kernels.State
	execs       []kernels.Exec
	pixels      []uint8
}

// open loads programs and weights. rename maps a parameter's name to the file's.
func open(d kernels.Device, spec *kernels.StateSpec, programs []*kernels.Program, catalog *nn.Catalog, w *safetensors.File, rename func(string) string) (s *session, err error) {
	s = &session{}
	if s.state, err = d.NewState(spec); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	params := append(append([]nn.Param(nil), catalog.Params...), catalog.Running...)
	if err := train.PutWeights(s.state, params, w, rename); err != nil {
		return nil, err
	}
	if err := s.state.PutF32(graph.Seed, []float32{1}); err != nil {
		return nil, err
	}
	for _, p := range programs {
		e, err := d.Load(p, s.state)
		if err != nil {
			return nil, err
		}
		s.execs = append(s.execs, e)
	}
	return s, nil
}

// Close frees the programs and the state.
func (s *session) Close() error {
	var errs []error
	for _, e := range s.execs {
		errs = append(errs, e.Close())
	}
	return errors.Join(append(errs, s.state.Close())...)
}

// Size is the side of the images that the model takes, in pixels.
func (s *session) Size() int { return s.size }

// each runs a set batch by batch; the last image fills up the last batch. done
// hears of each batch: its first image and how many of its images are new.
func (s *session) each(ctx context.Context, set *dataset.Set, done func(first, n int) error) error {
	if set.Side() != s.size {
		return fault.New(fault.ErrData, "images of %d pixels, the model takes %d", set.Side(), s.size)
	}
	image := s.size * s.size * 3
	for first := 0; first < set.Len(); first += s.batch {
		if err := ctx.Err(); err != nil {
			return fault.New(fault.ErrInterrupted, "stopped at image %d of %d: %w", first, set.Len(), err)
		}
		for i := range s.batch {
			copy(s.pixels[i*image:][:image], set.Pixels(min(first+i, set.Len()-1)))
		}
		if err := s.state.PutU8(s.pixelSlot, s.pixels); err != nil {
			return err
		}
		for _, e := range s.execs {
			if err := e.Run(); err != nil {
				return err
			}
		}
		if err := done(first, min(s.batch, set.Len()-first)); err != nil {
			return err
		}
	}
	return nil
}
