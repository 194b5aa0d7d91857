package train

import (
	"errors"
	"sort"

	"g2c/internal/fault"
	"g2c/kernels"
)

// batched is a model's state and programs at a batch.
type batched func(batch int) (*kernels.StateSpec, []*kernels.Program, error)

// noRoom adds to the error of a device that is full what the programs take in all, and
// the largest batch that would fit: a multiple of a unit, found by planning. Where the
// device computes in main memory, what it has is shared with copies for checkpoints.
func noRoom(err error, d kernels.Device, copies int64, batch, unit int, programs batched) error {
	planner, ok := d.(kernels.Planner)
	var full *fault.Error
	if !ok || !errors.Is(err, kernels.ErrMemory) || !errors.As(err, &full) {
		return err
	}
	room := func(batch int) (roomFor, error) {
		spec, ps, err := programs(batch)
		if err != nil {
			return roomFor{}, err
		}
		r, err := planner.Room(spec, ps...)
		return roomFor{r}, err
	}
	all, planErr := room(batch)
	if planErr != nil || all.Free < 0 {
		return err
	}
	if all.Of == "" {
		copies = 0
	}
	fits := unit * sort.Search(batch/unit, func(k int) bool {
		r, err := room(unit * (k + 1))
		return err != nil || r.Need()+copies > all.Free
	})
	bigger := all.error(full, batch, copies)
	if bigger == nil {
		return err
	}
	if fits == 0 {
		return bigger.WithHint("not even a batch of %d fits: smaller images or narrower networks take less", unit)
	}
	return bigger.WithHint("a batch of %d fits", fits)
}

// roomFor is what a batch takes.
type roomFor struct{ kernels.Room }

// error says that a device is full: with what it said itself, or, where main memory is
// reckoned before it is taken, in its place. It is nil if there should have been room.
func (r roomFor) error(full *fault.Error, batch int, copies int64) *fault.Error {
	const mib = 1 << 20
	if r.Of == "" {
		said := *full
		said.Hint = ""
		return fault.New(fault.ErrUnavailable, "%w; a batch of %d takes %d MiB in all (state %d, arena %d, scratch %d), and %d MiB are free",
			&said, batch, r.Need()/mib, r.State/mib, r.Arena/mib, r.Workspace/mib, r.Free/mib)
	}
	if r.Need()+copies <= r.Free {
		return nil
	}
	return fault.New(fault.ErrUnavailable, "%w: a batch of %d takes %d MiB of memory (state %d, arena %d, copies for checkpoints %d), and %s has %d MiB free",
		kernels.ErrMemory, batch, (r.Need()+copies)/mib, r.State/mib, r.Arena/mib, copies/mib, r.Of, r.Free/mib)
}
