package train

import (
	"errors"

	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/g2c"
)

// replicas are the devices that train one model. Each holds the whole state and
// computes a range of the shards of every batch, as many each, in the order of
// devices; they exchange sums between segments, and each updates its own state to the
// same bits. One device does it all alone, and exchanges nothing.
type replicas struct {
	all []*replica
	end func() // of the exchange
}

// replica is a device with the goroutine that it belongs to.
type replica struct {
	*G2CStep
	work chan job
	done chan error
}

// job is something that every device does on its part of a batch.
type job struct {
	do     func(*G2CStep, job) error
	batch  trainingBatch
	lr     float64
	frozen bool
	t      int64
}

// trainingBatch is what a step reads.
type trainingBatch struct {
	pixels        []uint8
	place, labels []int32
	jitter        []float32 // empty for none
}

// part is the k-th of n equal parts.
func (b trainingBatch) part(k, n int) trainingBatch {
	return trainingBatch{part(b.pixels, k, n), part(b.place, k, n), part(b.labels, k, n), part(b.jitter, k, n)}
}

func part[T any](v []T, k, n int) []T { return v[len(v)*k/n : len(v)*(k+1)/n] }

// Together is how many of some devices train a model of so many shards: the largest
// power of two that there is work for.
func Together(devices, shards int) int {
	n := 1
	for 2*n <= devices && shards%(2*n) == 0 {
		n *= 2
	}
	return n
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

// openReplicas loads a fine-tuning's programs on as many of the devices as there are
// shards for. The first evaluates too, and groups of its state are saved.
func openReplicas(devices []kernels.Device, c g2c.Config, saved ...string) (*replicas, error) {
	if err := SameClass(devices...); err != nil {
		return nil, err
	}
	devices = devices[:Together(len(devices), c.Shards)]
	c.Own = c.Shards / len(devices)
	m, err := g2c.New(c)
	if err != nil {
		return nil, err
	}
	r := &replicas{end: func() {}}
	for _, d := range devices {
		s, err := newG2CStep(d, m, saved)
		if err != nil {
			return nil, errors.Join(err, r.Close())
		}
		saved = nil // one of them saves
		r.all = append(r.all, &replica{G2CStep: s, work: make(chan job), done: make(chan error)})
		m = trainingAlone(m)
	}
	if len(devices) > 1 {
		r.join()
	}
	return r, nil
}

// trainingAlone is a model that never evaluates.
func trainingAlone(m *g2c.Model) *g2c.Model {
	t := *m
	t.EvalInput, t.Evaluate = nil, nil
	return &t
}

// join makes members of the devices and starts their goroutines.
func (r *replicas) join() {
	if r.first().wide() {
		joinBy[float64](r)
	} else {
		joinBy[float32](r)
	}
	for _, one := range r.all {
		go one.serve()
	}
}

func joinBy[T element](r *replicas) {
	sums := newLocalSums[T](len(r.all))
	r.end = sums.close
	for k, one := range r.all {
		one.exchange = newExchange(localMember[T]{sums, k}, one.frozen, one.joint)
	}
}

// serve does what the device is told. An error ends the exchange, so that no other
// device waits for this one.
func (one *replica) serve() {
	for j := range one.work {
		err := j.do(one.G2CStep, j)
		if err != nil {
			one.exchange.sums.Abort(err)
		}
		one.done <- err
	}
	close(one.done)
}

// each has every device do a job on its part of the batch, at the same time, and
// waits for all.
func (r *replicas) each(j job) error {
	if len(r.all) == 1 {
		return j.do(r.first(), j)
	}
	whole := j.batch
	for k, one := range r.all {
		j.batch = whole.part(k, len(r.all))
		one.work <- j
	}
	var first error
	for _, one := range r.all {
		if err := <-one.done; worse(err, first) {
			first = err
		}
	}
	return first
}

// worse says whether an error tells more than another: what only followed from an
// error elsewhere tells least, a loss whose origin is elsewhere little.
func worse(err, than error) bool {
	if err == nil || than == nil {
		return err != nil
	}
	return tells(err) > tells(than)
}

func tells(err error) int {
	var bad *NonFinite
	switch {
	case errors.Is(err, errOtherMember):
		return 0
	case errors.As(err, &bad) && bad.Instr == unfound:
		return 1
	}
	return 2
}

// first is the device that evaluates, and that snapshots come from.
func (r *replicas) first() *G2CStep { return r.all[0].G2CStep }

// spread gives every device the first's slots, in whole groups.
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
func (r *replicas) feed(b trainingBatch) error { return r.each(job{do: feed, batch: b}) }

func feed(s *G2CStep, j job) error {
	if len(j.batch.jitter) > 0 {
		if err := s.state.PutF32(g2c.Jitter, j.batch.jitter); err != nil {
			return err
		}
	}
	if err := s.state.PutU8(g2c.Pixels, j.batch.pixels); err != nil {
		return err
	}
	if err := s.state.PutI32(g2c.Place, j.batch.place); err != nil {
		return err
	}
	return s.state.PutI32(g2c.Labels, j.batch.labels)
}

// train runs step t on the batch that was brought in. One device may leave its loss to
// settle; several have read it.
func (r *replicas) train(lr float64, frozen bool, t int64) error {
	return r.each(job{do: trainOne, lr: lr, frozen: frozen, t: t})
}

func trainOne(s *G2CStep, j job) error {
	if err := s.input.Run(); err != nil {
		return err
	}
	return s.queueTrain(j.lr, j.frozen, j.t)
}

// Close frees what the devices hold, once nothing is on its way between them.
func (r *replicas) Close() error {
	for _, one := range r.all {
		if one.exchange != nil {
			close(one.work)
			<-one.done
		}
	}
	r.end()
	var errs []error
	for _, one := range r.all {
		errs = append(errs, one.G2CStep.Close())
	}
	return errors.Join(errs...)
}
