package train

import (
	"bytes"
	"errors"
	"slices"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/store"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/allreduce"
	"g2c/worker/gang"
)

// A fine-tuning lives through the generations of its gang. Between two it stands at a step
// boundary with all others, goes on from the state of whoever is furthest, and has its
// programs loaded for its new share of the shards.

// hostState is the state in host memory: one of these.
type hostState struct {
	fresh bool              // before the first step
	file  *safetensors.File // as it was stored, or is sent to others
	raw   []byte            // the same
	own   *bundle           // of the devices that were closed
	lent  *bundle           // what others fetch of devices that are open: it stays as it is
}

// onDevices says that the state is nowhere else.
func (h *hostState) onDevices() bool { return !h.fresh && h.file == nil && h.own == nil }

// first says whether this process stores what is to be stored.
func (f *finetuner) first() bool { return f.meeting == nil || f.meeting.First() }

// store saves, if it is this process's to do.
func (f *finetuner) store(fill func(b *bundle) error, final bool) error {
	if !f.first() {
		return nil
	}
	return f.save(fill, final)
}

// interrupted ends training if its context is done: the first saves the state, the others
// have it all the same.
func (f *finetuner) interrupted() error {
	if f.ctx.Err() == nil {
		return nil
	}
	switch own := f.host.own; {
	case f.first() && f.host.onDevices():
		return f.session.interrupted(f.t, f.fill)
	case f.first() && own != nil: // between two meetings: it is the bundle that is saved next
		return f.session.interrupted(f.t, func(b *bundle) error {
			if b != own {
				return errors.New("train: the state is not in the bundle that is free")
			}
			return nil
		})
	}
	return fault.New(fault.ErrInterrupted, "left after step %d of %d", f.t, f.steps)
}

// broken says whether an error is only of the gang: others are lost, or have left. The
// step has changed nothing, and is done again by those who go on.
func (f *finetuner) broken(err error) bool {
	var other *allreduce.PeerError
	if f.meeting == nil || !errors.As(err, &other) && !errors.Is(err, gang.ErrOver) {
		return false
	}
	f.opt.Gang.Broken(f.meeting, err)
	return true
}

// regroup meets until there is a gang that trains. Alone it only loads the programs.
func (f *finetuner) regroup() error {
	if f.opt.Gang == nil {
		share, err := alone(len(f.all()), f.f.Shards)
		if err == nil {
			f.bill.use(len(share.Slots[0]), f.all())
			err = f.assemble(share)
		}
		return err
	}
	for {
		if f.devices != nil {
			if err := f.devices.leave(); err != nil {
				f.opt.Warn("leave an exchange: " + err.Error())
			}
		}
		f.prepare()
		m, err := f.opt.Gang.Meet(f.ctx, f.t)
		if err != nil {
			return errors.Join(f.interrupted(), f.unless(err))
		}
		f.meeting = m
		err = f.join(m)
		if m.With != nil {
			m.Done()
		}
		f.host.lent = nil
		if err == nil {
			f.watch = watch{}
			here := f.all()
			if len(m.Slots) > 1 {
				here = nil
			}
			f.bill.use(sumOf(m.Slots), here)
			if f.opt.Began != nil {
				f.opt.Began(m.Generation)
			}
			return nil
		}
		if !f.broken(err) {
			return err
		}
	}
}

func sumOf(slots []int) (n int) {
	for _, s := range slots {
		n += s
	}
	return n
}

// unless is an error of a meeting that is not the end of the context, which says more.
func (f *finetuner) unless(err error) error {
	if f.ctx.Err() != nil {
		return nil
	}
	return err
}

// join goes on from where the furthest stands, with a share of the shards for each slot.
func (f *finetuner) join(m *gang.Meeting) error {
	switch {
	case m.Step > f.t:
		data, err := m.Fetch(f.ctx)
		if err != nil {
			return err
		}
		if err := f.take(data, m.Step); err != nil {
			return err
		}
	case m.With != nil && m.Source == m.Self:
		state, err := f.state()
		if err != nil {
			return err
		}
		m.Offer(state)
	}
	runs, err := api.ShareShards(m.Slots, f.f.Shards)
	if err != nil {
		return err
	}
	if err := f.resize(m.Slots[m.Self]); err != nil {
		return err
	}
	share := Share{Slots: asSeenBy(m.Self, runs, len(f.all())), Self: m.Self}
	if m.With != nil {
		share.Exchange = allreduce.Config{Session: m.Session(), Names: m.Names}
		share.Links = func() ([]allreduce.Link, error) { return m.Links(f.ctx) }
	}
	return f.assemble(share)
}

// asSeenBy is what each process of a gang has, as one of them sees it: for itself a run for
// each device, for others what they have in all, since how they divide it is their business.
// A process with fewer devices than slots has what the slots have on the devices.
func asSeenBy(self int, runs [][]api.Shards, devices int) [][]api.Shards {
	out := make([][]api.Shards, len(runs))
	for i, slots := range runs {
		out[i] = slots
		if i != self || len(slots) > devices {
			out[i] = []api.Shards{{From: slots[0].From, To: slots[len(slots)-1].To}}
		}
	}
	return out
}

// all is the devices of this process.
func (f *finetuner) all() []kernels.Device {
	if f.resized != nil {
		return f.resized
	}
	return f.opt.devices()
}

// resize takes the devices of so many slots in place of those before.
func (f *finetuner) resize(slots int) error {
	if f.opt.Resize == nil || slots == f.slots {
		return nil
	}
	if err := f.unload(); err != nil {
		return err
	}
	devices, err := f.opt.Resize(slots)
	if err == nil {
		f.resized, f.slots = devices, slots
	}
	return err
}

// unload frees the devices; the state is in host memory then.
func (f *finetuner) unload() error {
	if f.devices != nil && f.host.onDevices() {
		b := f.host.lent
		if b == nil {
			var err error
			if b, err = f.copied(); err != nil {
				return err
			}
		}
		f.host = hostState{own: b}
	}
	return f.closeDevices(nil)
}

// take goes on from a state as it is stored or sent, of a step.
func (f *finetuner) take(data []byte, step int64) error {
	file, err := safetensors.Decode(data)
	if err != nil {
		return err
	}
	log := finetuneLog{Selected: -1}
	if err := decodeLog(file, &log); err != nil {
		return err
	}
	best := map[string][]float32{}
	if f.f.Select == api.SelectBest && log.Selected >= 0 {
		for _, g := range finetuneGroups[:selectedGroups] {
			v, err := realsOf(file, realPrefix+bestPrefix+g)
			if err != nil {
				return err
			}
			best[g] = slices.Clone(v)
		}
	}
	if step < 0 || step > f.steps {
		return fault.New(fault.ErrData, "a state after step %d of %d", step, f.steps)
	}
	f.host = hostState{file: file, raw: data}
	f.log, f.best, f.t, f.fed = log, best, step, -1
	f.rank()
	return nil
}

// state is the state for others, which stays as it is until the next step.
func (f *finetuner) state() (store.Body, error) {
	switch {
	case f.host.fresh:
		return bytes.NewReader(nil), nil // nobody is behind
	case f.host.raw != nil:
		return bytes.NewReader(f.host.raw), nil
	case f.host.own == nil:
		b, err := f.copied()
		if err != nil {
			return nil, err
		}
		f.host.lent = b
		return safetensors.Encode(b.resume(), nil)
	}
	return safetensors.Encode(f.host.own.resume(), nil)
}

// copied is the state of the devices in host memory, until something is saved.
func (f *finetuner) copied() (*bundle, error) {
	b := f.saver.Free()
	if err := f.fill(b); err != nil {
		return nil, err
	}
	return b, b.wait()
}

// assemble loads the programs of a share, if they are not loaded, joins the others of the
// gang, and brings the state in.
func (f *finetuner) assemble(share Share) error {
	if f.devices != nil && f.devices.fit(share.Slots[share.Self]) {
		if err := f.devices.join(share); err != nil {
			return err
		}
		return f.bringIn()
	}
	err := f.unload()
	if err != nil {
		return err
	}
	if f.devices, err = openReplicas(f.all(), f.models, f.branches, share, finetuneGroups...); err != nil {
		return err
	}
	f.step = f.devices.first()
	f.step.alone.heard, f.step.together.heard, f.step.again = f.addLoss, f.addLoss, f.again
	f.fed = -1
	return f.bringIn()
}

// bringIn puts the state on the devices, if it is not there.
func (f *finetuner) bringIn() error {
	var err error
	switch h := f.host; {
	case h.onDevices():
		return nil
	case h.fresh:
		err = f.start()
	case h.own != nil:
		for _, g := range finetuneGroups {
			err = errors.Join(err, f.step.state.PutF32(g, h.own.groups[g]))
		}
	default:
		err = putGroups(h.file, f.step.state, finetuneGroups...)
	}
	if err == nil {
		err = f.devices.spread(finetuneGroups...)
	}
	if err == nil {
		f.host, f.fed = hostState{}, -1
	}
	return err
}

// closeDevices frees the devices; it keeps the first error.
func (f *finetuner) closeDevices(err error) error {
	if f.devices == nil {
		return err
	}
	closing := f.devices.Close()
	f.devices, f.step = nil, nil
	if err == nil {
		return closing
	}
	return err
}
