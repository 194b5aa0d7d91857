package train

import (
	"strings"

	"g2c/kernels"
	"g2c/model/g2c"
	"g2c/model/nn"
)

// AllReduce is one member's side of the sums over all members of a gang, each of which
// has summed a node of the tree over the shards. Sums are by that tree, rounded as the
// device rounds, so that their bits are those of one device with all shards.
//
// Calls come from the goroutine that owns the member's State, in the same order at
// every member: each bucket of a step is given once, then each is taken once.
// allreduce.Member is one.
type AllReduce interface {
	// Give hands over the slots of a bucket. It does not wait for what others have.
	Give(bucket int, slots []string, s kernels.State) error
	// Take waits until every member has given the bucket, and puts the sums into its
	// slots.
	Take(bucket int, slots []string, s kernels.State) error
	// Abort ends the exchange for good: every member that waits or comes gets an error.
	Abort(cause error)
}

// exchange is what a step gives and takes of its programs; nil does neither.
type exchange struct {
	sums    AllReduce
	buckets map[kernels.Exec][][]bucket // by segment
	apart   int                         // the bucket of what is exchanged between steps, and never rounded
}

// bucket is slots that are exchanged together.
type bucket struct {
	number int
	slots  []string
}

// newExchange lists the buckets of training programs: one a segment. Where gradients are
// added in bf16 they are one, and what stays float32 another.
func newExchange(sums AllReduce, half bool, trainings ...kernels.Exec) *exchange {
	x := &exchange{sums: sums, buckets: map[kernels.Exec][][]bucket{}}
	for _, e := range trainings {
		if e == nil {
			continue
		}
		for segment, slots := range g2c.Partial(e.Program()) {
			all := []bucket{{segment, slots}}
			if half {
				all = apart(segment, slots)
			}
			x.apart = max(x.apart, 2*segment+3)
			x.buckets[e] = append(x.buckets[e], all)
		}
	}
	return x
}

// apart separates gradients from other sums. Buckets of gradients have even numbers.
func apart(segment int, slots []string) (all []bucket) {
	of := [2]bucket{{number: 2 * segment}, {number: 2*segment + 1}}
	for _, slot := range slots {
		kind := 1
		if strings.HasPrefix(slot, nn.GradPrefix) {
			kind = 0
		}
		of[kind].slots = append(of[kind].slots, slot)
	}
	for _, b := range of {
		if len(b.slots) > 0 {
			all = append(all, b)
		}
	}
	return all
}

// gradients says which buckets of apart are those.
func gradients(bucket int) bool { return bucket%2 == 0 }

// give hands over what a segment has completed: others may add it up while the next
// segment runs.
func (x *exchange) give(e kernels.Exec, segment int, s kernels.State) error {
	if x == nil {
		return nil
	}
	for _, b := range x.buckets[e][segment] {
		if err := x.sums.Give(b.number, b.slots, s); err != nil {
			return err
		}
	}
	return nil
}

// take waits for every bucket of a step. The update may run then, and not before: if
// the exchange ends here, the step has changed nothing.
func (x *exchange) take(e kernels.Exec, s kernels.State) error {
	if x == nil {
		return nil
	}
	for _, of := range x.buckets[e] {
		for _, b := range of {
			if err := x.sums.Take(b.number, b.slots, s); err != nil {
				return err
			}
		}
	}
	return nil
}
