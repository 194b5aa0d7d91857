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
// the largest batch that would fit: a multiple of a unit, found by planning.
func noRoom(err error, d kernels.Device, batch, unit int, programs batched) error {
	planner, ok := d.(kernels.Planner)
	var full *fault.Error
	if !ok || !errors.Is(err, kernels.ErrMemory) || !errors.As(err, &full) {
		return err
	}
	room := func(batch int) (kernels.Room, error) {
		spec, ps, err := programs(batch)
		if err != nil {
			return kernels.Room{}, err
		}
		return planner.Room(spec, ps...)
	}
	all, planErr := room(batch)
	if planErr != nil {
		return err
	}
	fits := unit * sort.Search(batch/unit, func(k int) bool {
		r, err := room(unit * (k + 1))
		return err != nil || r.Need() > r.Free
	})
	said := *full
	said.Hint = ""
	const mib = 1 << 20
	bigger := fault.New(fault.ErrUnavailable, "%w; a batch of %d takes %d MiB in all (state %d, arena %d, scratch %d), and %d MiB are free",
		&said, batch, all.Need()/mib, all.State/mib, all.Arena/mib, all.Workspace/mib, all.Free/mib)
	if fits == 0 {
		return bigger.WithHint("not even a batch of %d fits: smaller images or narrower networks take less", unit)
	}
	return bigger.WithHint("a batch of %d fits", fits)
}
