package train

import (
	"g2c/internal/dataset"
	"g2c/kernels"
)

// The images of a validation are shared out over the gang, batch by batch, as the shards
// of a step are. Then everybody has all probabilities: they are added up as gradients are,
// where all terms but one are zero. Who evaluated an image changes no bit.

// validation is one evaluation of a set by the devices of this process, or of several.
type validation struct {
	set     *dataset.Set
	batches []int     // that this process evaluates now
	p       []float32 // of the positive class, by image; 0 where it was not evaluated here
}

// validate evaluates this process's part of a set and gets the others' parts. After an
// error of the exchange the devices are well, and what others have not sent is left to
// finish.
func (r *replicas) validate(set *dataset.Set) (*validation, error) {
	v := &validation{set: set, p: make([]float32, set.Len())}
	n := r.slots[0].eval.batches(set)
	for b := n * r.run.From / r.shards; b < n*r.run.To/r.shards; b++ {
		v.batches = append(v.batches, b)
	}
	err := r.each(job{do: (*slot).evaluate, validation: v})
	if err == nil && r.run.Len() < r.shards {
		err = r.each(job{do: (*slot).swap, validation: v})
	}
	return v, err
}

// finish evaluates here what the others had to.
func (r *replicas) finish(v *validation) error {
	n := r.slots[0].eval.batches(v.set)
	v.batches = v.batches[:0]
	for b := range n {
		if b < n*r.run.From/r.shards || b >= n*r.run.To/r.shards {
			v.batches = append(v.batches, b)
		}
	}
	return r.each(job{do: (*slot).evaluate, validation: v})
}

// evaluate is a device's share of the batches.
func (one *slot) evaluate(j job) error {
	v := j.validation
	for _, b := range v.batches[len(v.batches)*one.place/one.of : len(v.batches)*(one.place+1)/one.of] {
		if err := one.eval.probabilitiesOf(v.set, b, v.p); err != nil {
			return err
		}
	}
	return nil
}

// swap gives what this process has, and takes all. Its first replica speaks for all of
// its devices.
func (one *slot) swap(j job) error {
	v := j.validation
	for i, r := range one.replicas {
		if err := r.openBoard(len(v.p)); err != nil {
			return err
		}
		mine := make([]float32, len(v.p))
		if one.place == 0 && i == 0 {
			copy(mine, v.p)
		}
		if err := r.board.PutF32(boardSlot, mine); err != nil {
			return err
		}
		if err := r.exchange.sums.Give(r.exchange.apart, []string{boardSlot}, r.board); err != nil {
			return err
		}
	}
	for _, r := range one.replicas {
		if err := r.exchange.sums.Take(r.exchange.apart, []string{boardSlot}, r.board); err != nil {
			return err
		}
	}
	if one.place > 0 {
		return nil
	}
	return one.replicas[0].board.GetF32(boardSlot, v.p)
}

// boardSlot is the only slot of a replica's board.
const boardSlot = "probabilities"

// openBoard makes room for the probabilities of so many images.
func (r *replica) openBoard(images int) error {
	if r.board != nil {
		if t, _ := r.board.Spec().Type(boardSlot); t.Shape.Len() == images {
			return nil
		}
		if err := r.closeBoard(); err != nil {
			return err
		}
	}
	spec, err := kernels.NewStateSpec(kernels.Group{Name: "validation", Slots: []kernels.Slot{{Name: boardSlot, Type: kernels.Real(images)}}})
	if err != nil {
		return err
	}
	r.board, err = r.device.NewState(spec)
	return err
}

func (r *replica) closeBoard() error {
	if r.board == nil {
		return nil
	}
	b := r.board
	r.board = nil
	return b.Close()
}
