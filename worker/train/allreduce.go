package train

import (
	"g2c/kernels"
	"g2c/model/g2c"
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
	buckets map[kernels.Exec][][]string // slots by segment
}

func newExchange(sums AllReduce, trainings ...kernels.Exec) *exchange {
	x := &exchange{sums: sums, buckets: map[kernels.Exec][][]string{}}
	for _, e := range trainings {
		if e != nil {
			x.buckets[e] = g2c.Partial(e.Program())
		}
	}
	return x
}

// give hands over what a segment has completed: others may add it up while the next
// segment runs.
func (x *exchange) give(e kernels.Exec, segment int, s kernels.State) error {
	if x == nil {
		return nil
	}
	return x.sums.Give(segment, x.buckets[e][segment], s)
}

// take waits for every bucket of a step. The update may run then, and not before: if
// the exchange ends here, the step has changed nothing.
func (x *exchange) take(e kernels.Exec, s kernels.State) error {
	if x == nil {
		return nil
	}
	for i, slots := range x.buckets[e] {
		if err := x.sums.Take(i, slots, s); err != nil {
			return err
		}
	}
	return nil
}
