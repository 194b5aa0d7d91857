package infer

import (
	"context"
	"errors"
	"slices"

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
	judge       func() // of a model that no device runs: judges pixels in place of programs

	normaliser *dataset.Painter // of the images as they are read; nil for none

	// Of a model with branches that have no network: what they see, and their numbers.
	branches *train.Branches
	given    train.GivenPixels
	numbers  []int

	// Progress, if set, hears after every batch how many images are done, of how many.
	Progress func(done, total int)
}

// open loads programs and weights. rename maps a parameter's name to the file's.
func open(d kernels.Device, spec *kernels.StateSpec, programs []*kernels.Program, catalog *nn.Catalog, w *safetensors.File, rename func(string) string) (*session, error) {
	state, err := kernels.Open(d, spec, 0, programs...)
	if err != nil {
		return nil, err
	}
	s := &session{state: state}
	params := append(append([]nn.Param(nil), catalog.Params...), catalog.Running...)
	if err = train.PutWeights(state, params, w, rename); err == nil {
		err = state.PutF32(graph.Seed, []float32{1})
	}
	for i := 0; err == nil && i < len(programs); i++ {
		var e kernels.Exec
		if e, err = d.Load(programs[i], state); err == nil {
			s.execs = append(s.execs, e)
		}
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close frees the programs and the state.
func (s *session) Close() error {
	var errs []error
	for _, e := range s.execs {
		errs = append(errs, e.Close())
	}
	if s.state != nil {
		errs = append(errs, s.state.Close())
	}
	return errors.Join(errs...)
}

// Size is the side of the images that the model takes, in pixels.
func (s *session) Size() int { return s.size }

// place is an image of one of several sets.
type place struct{ set, image int }

// each runs sets batch by batch, as if they were one; the last image fills up the last
// batch. done hears which images of each batch are new.
func (s *session) each(ctx context.Context, sets []*dataset.Set, done func(at []place) error) error {
	var all []place
	if s.normaliser != nil {
		sets = slices.Clone(sets)
	}
	for k, set := range sets {
		if s.normaliser != nil {
			sets[k] = set.Painted(s.normaliser)
		}
		if set.Side() != s.size {
			return fault.New(fault.ErrData, "images of %d pixels, the model takes %d", set.Side(), s.size)
		}
		for i := range set.Len() {
			all = append(all, place{k, i})
		}
	}
	image := s.size * s.size * 3
	for first := 0; first < len(all); first += s.batch {
		if err := ctx.Err(); err != nil {
			return fault.New(fault.ErrInterrupted, "stopped at image %d of %d: %w", first, len(all), err)
		}
		for i := range s.batch {
			p := all[min(first+i, len(all)-1)]
			if err := sets[p.set].Read(s.pixels[i*image:][:image], p.image); err != nil {
				return err
			}
			if err := s.branches.Read(s.given, sets[p.set], p.image, i); err != nil {
				return err
			}
		}
		if err := s.run(); err != nil {
			return err
		}
		last := min(first+s.batch, len(all))
		if err := done(all[first:last]); err != nil {
			return err
		}
		if s.Progress != nil {
			s.Progress(last, len(all))
		}
	}
	return nil
}

// run judges or translates the pixels of a batch.
func (s *session) run() error {
	if s.judge != nil {
		s.judge()
		return nil
	}
	if err := s.state.PutU8(s.pixelSlot, s.pixels); err != nil {
		return err
	}
	if err := s.given.Put(s.state, s.pixelSlot, s.numbers); err != nil {
		return err
	}
	for _, e := range s.execs {
		if err := e.Run(); err != nil {
			return err
		}
	}
	return nil
}
