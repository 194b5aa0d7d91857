package train

import (
	"errors"
	"fmt"
	"slices"

	"g2c/api"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/g2c"
	"g2c/worker/allreduce"
)

// Share is the part of a fine-tuning that the devices of this process train, and who
// trains the rest.
type Share struct {
	// Slots are the shards of each device of each process of the gang, in order:
	// api.ShareShards.
	Slots [][]api.Shards
	// Self is the place of this process in the gang.
	Self int
	// Exchange has the session, and what the exchange is run with. The gang, the place
	// and the links are filled in.
	Exchange allreduce.Config
	// Links joins this process to the others of its gang, once its programs are loaded:
	// see allreduce.Config. It is nil where there are none.
	Links func() ([]allreduce.Link, error)
}

// alone is the share of some devices that train all shards. Those that would not shorten
// the longest run have none.
func alone(devices, shards int) (Share, error) {
	slots, err := api.ShareShards([]int{api.Useful(devices, shards)}, shards)
	return Share{Slots: slots}, err
}

// gang is what members of the exchange have, by process: the subtrees of their slots.
func (s Share) gang() [][]api.Shards {
	gang := make([][]api.Shards, len(s.Slots))
	for i, slots := range s.Slots {
		for _, run := range slots {
			gang[i] = append(gang[i], run.Subtrees()...)
		}
	}
	return gang
}

// replicas train one model, on the devices of this process and perhaps of others. Each
// holds the whole state and computes an aligned run of the shards of every batch; they
// exchange sums between segments, and each updates its own state to the same bits. A
// device whose shards are several such runs has a replica for each. One that has all
// shards exchanges nothing.
type replicas struct {
	all    []*replica // in the order of shards
	slots  []*slot
	shards int
	run    api.Shards                // of this process
	end    func() error              // of the exchange
	late   func() allreduce.Lateness // of the others; nil where there are none
}

// replica is a run of the shards.
type replica struct {
	*G2CStep
	run   api.Shards
	board kernels.State // what is exchanged of validations; nil before the first
}

// slot is a device with the goroutine that its replicas belong to.
type slot struct {
	replicas  []*replica
	eval      *evaluator // of the first
	place, of int        // among the slots of this process
	work      chan job
	done      chan error
}

// job is something that every device does, on its part of a batch.
type job struct {
	do     func(*slot, job) error
	batch  trainingBatch
	shards int // of the batch
	lr     float64
	frozen bool
	t      int64

	validation *validation
}

// trainingBatch is what a step reads.
type trainingBatch struct {
	pixels        []uint8
	given         GivenPixels // of branches without a network
	place, labels []int32
	jitter        []float32 // empty for none
	dropout       []float32 // empty for none
}

// part is a run of so many equal shards.
func (b trainingBatch) part(run api.Shards, shards int) trainingBatch {
	return trainingBatch{
		part(b.pixels, run, shards), b.given.part(run, shards), part(b.place, run, shards), part(b.labels, run, shards), part(b.jitter, run, shards), part(b.dropout, run, shards),
	}
}

func part[T any](v []T, run api.Shards, shards int) []T {
	return v[len(v)*run.From/shards : len(v)*run.To/shards]
}

// SameClass refuses devices whose bits differ.
func SameClass(devices ...kernels.Device) error {
	for _, d := range devices[1:] {
		if want, got := devices[0].Class(), d.Class(); got != want {
			return fault.New(fault.ErrSpec, "devices of numerics classes %s and %s do not train together", want, got).
				WithHint("choose devices of one kind")
		}
	}
	return nil
}

// openReplicas loads a fine-tuning's programs on devices, one for each slot of the share:
// any more are left out. Then it joins the gang. The first replica of each evaluates too, and groups of the very first's state
// are saved.
func openReplicas(devices []kernels.Device, programs *models, branches *Branches, share Share, saved ...string) (*replicas, error) {
	if err := SameClass(devices...); err != nil {
		return nil, err
	}
	runs := share.Slots[share.Self]
	if len(devices) < len(runs) {
		return nil, fmt.Errorf("train: %d devices for %d slots", len(devices), len(runs))
	}
	r := &replicas{shards: programs.config.Shards, end: func() error { return nil }}
	for i, slotRun := range runs {
		one := &slot{place: i, of: len(runs)}
		for k, run := range slotRun.Subtrees() {
			s, err := openReplica(devices[i], programs, run, k == 0, saved)
			if err != nil {
				return nil, errors.Join(err, r.Close())
			}
			saved = nil // one of them saves
			one.replicas = append(one.replicas, &replica{G2CStep: s, run: run})
			r.all = append(r.all, one.replicas[len(one.replicas)-1])
		}
		one.eval = newEvaluator(one.replicas[0].G2CStep, branches)
		r.slots = append(r.slots, one)
	}
	if err := r.join(share); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// openReplica loads the programs of a run on a device, of which one replica evaluates.
func openReplica(d kernels.Device, programs *models, run api.Shards, evaluates bool, saved []string) (*G2CStep, error) {
	m, err := programs.of(run.Len())
	if err != nil {
		return nil, err
	}
	if !evaluates {
		m = trainingAlone(m)
	}
	return newG2CStep(d, m, saved)
}

// trainingAlone is a model that never evaluates.
func trainingAlone(m *g2c.Model) *g2c.Model {
	t := *m
	t.EvalInput, t.Evaluate = nil, nil
	return &t
}

// join makes members of the replicas and starts the devices' goroutines.
func (r *replicas) join(share Share) error {
	own := share.Slots[share.Self]
	r.run = api.Shards{From: own[0].From, To: own[len(own)-1].To}
	if len(r.all) == 1 && len(share.Slots) == 1 {
		return nil
	}
	c := share.Exchange
	c.Gang, c.Self = share.gang(), share.Self
	half := r.first().Model.Config.HalfGradients
	if half {
		c.Half = gradients
	}
	if share.Links != nil {
		var err error
		if c.Links, err = share.Links(); err != nil {
			return err
		}
	}
	var err error
	if r.first().wide() {
		err = joinBy[float64](r, c, half)
	} else {
		err = joinBy[float32](r, c, half)
	}
	if err != nil {
		return err
	}
	for _, one := range r.slots {
		one.work, one.done = make(chan job), make(chan error)
		go one.serve()
	}
	return nil
}

func joinBy[T allreduce.Element](r *replicas, c allreduce.Config, half bool) error {
	sums, err := allreduce.New[T](c)
	if err != nil {
		for _, l := range c.Links {
			if l != nil {
				err = errors.Join(err, l.Close())
			}
		}
		return err
	}
	r.end = sums.Close
	if len(c.Gang) > 1 {
		r.late = sums.Late
	}
	for k, one := range r.all {
		one.exchange = newExchange(sums.Member(k), half, one.frozen, one.joint)
	}
	return nil
}

// leave ends the exchange and the goroutines of devices: others that wait for this process
// are told. The replicas may join another, of the same share.
func (r *replicas) leave() error {
	for _, one := range r.slots {
		if one.work != nil {
			close(one.work)
			<-one.done
			one.work = nil
		}
	}
	err := r.end()
	r.end, r.late = func() error { return nil }, nil
	for _, one := range r.all {
		one.exchange = nil
	}
	return err
}

// fit gives the replicas the runs of other slots, if their programs are those: which shards
// a program computes it does not know, only how many.
func (r *replicas) fit(slots []api.Shards) bool {
	same := slices.EqualFunc(r.slots, slots, func(one *slot, run api.Shards) bool {
		return slices.EqualFunc(one.replicas, run.Subtrees(), func(r *replica, run api.Shards) bool { return r.run.Len() == run.Len() })
	})
	if same {
		for i, one := range r.slots {
			for k, run := range slots[i].Subtrees() {
				one.replicas[k].run = run
			}
		}
	}
	return same
}

// serve does what the device is told. An error ends the exchange, so that no other
// device waits for this one.
func (one *slot) serve() {
	for j := range one.work {
		err := j.do(one, j)
		if err != nil {
			one.replicas[0].exchange.sums.Abort(err)
		}
		one.done <- err
	}
	close(one.done)
}

// each has every device do a job on its part of the batch, at the same time, and
// waits for all.
func (r *replicas) each(j job) error {
	j.shards = r.shards
	if one := r.slots[0]; one.work == nil {
		return j.do(one, j)
	}
	for _, one := range r.slots {
		one.work <- j
	}
	var first error
	for _, one := range r.slots {
		first = worse(<-one.done, first)
	}
	return first
}

// worse is the error that tells more: what only followed from an error elsewhere tells
// least, a loss whose origin is elsewhere little.
func worse(a, b error) error {
	if b == nil || a != nil && tells(a) > tells(b) {
		return a
	}
	return b
}

func tells(err error) int {
	var bad *NonFinite
	var peer *allreduce.PeerError
	switch {
	case errors.Is(err, allreduce.ErrAborted):
		return 0
	case errors.As(err, &peer):
		return 1
	case errors.As(err, &bad) && bad.Instr == unfound:
		return 2
	}
	return 3
}

// first is the replica that snapshots come from.
func (r *replicas) first() *G2CStep { return r.all[0].G2CStep }

// spread gives every replica the first's slots, in whole groups.
func (r *replicas) spread(groups ...string) error {
	for _, one := range r.all[1:] {
		for _, g := range groups {
			t, _ := one.state.Spec().Type(g)
			v := make([]float64, t.Shape.Len())
			if err := r.first().state.GetF64(g, v); err != nil {
				return err
			}
			if err := one.state.PutF64(g, v); err != nil {
				return err
			}
		}
	}
	return nil
}

// feed brings a batch in. Labels come last: a device reads them to the end of a step.
func (r *replicas) feed(b trainingBatch) error { return r.each(job{do: (*slot).feed, batch: b}) }

func (one *slot) feed(j job) error {
	for _, r := range one.replicas {
		if err := r.feed(j.batch.part(r.run, j.shards)); err != nil {
			return err
		}
	}
	return nil
}

func (r *replica) feed(b trainingBatch) error {
	if len(b.jitter) > 0 {
		if err := r.state.PutF32(g2c.Jitter, b.jitter); err != nil {
			return err
		}
	}
	if err := r.state.PutU8(g2c.Pixels, b.pixels); err != nil {
		return err
	}
	if err := b.given.Put(r.state, g2c.Pixels, r.Model.Config.Given); err != nil {
		return err
	}
	if err := r.state.PutI32(g2c.Place, b.place); err != nil {
		return err
	}
	if len(b.dropout) > 0 { // read in the middle of a step: behind what the next one begins with
		if err := r.state.PutF32(g2c.Dropout, b.dropout); err != nil {
			return err
		}
	}
	return r.state.PutI32(g2c.Labels, b.labels)
}

// train runs step t on the batch that was brought in. One replica may leave its loss to
// settle; several have read it.
func (r *replicas) train(lr float64, frozen bool, t int64) error {
	return r.each(job{do: (*slot).train, lr: lr, frozen: frozen, t: t})
}

// train has every replica of the device give its sums before the first of them takes any:
// they would wait for each other. A loss that is not finite is looked for in all of them.
func (one *slot) train(j job) error {
	for _, r := range one.replicas {
		if err := r.input.Run(); err != nil {
			return err
		}
		if err := r.compute(j.lr, j.frozen); err != nil {
			return err
		}
	}
	var first error
	for _, r := range one.replicas {
		first = worse(r.update(r.last, j.t), first)
	}
	return first
}

// Close frees what the devices hold, once nothing is on its way between them.
func (r *replicas) Close() error {
	errs := []error{r.leave()}
	for _, one := range r.all {
		errs = append(errs, one.closeBoard(), one.G2CStep.Close())
	}
	return errors.Join(errs...)
}
