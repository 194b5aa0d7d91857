//go:build gpu

package cuda

import (
	"sort"
	"time"

	"gorgonia.org/cu"

	"g2c/kernels/cuda/driver"
)

// OpTime is what one kind of operation took on a device.
type OpTime struct {
	Op    string
	Count int
	Time  time.Duration
}

// opTimes adds up what operations take that run one by one.
type opTimes struct {
	begun, ended driver.Event
	by           map[string]*OpTime
}

func newOpTimes() (*opTimes, error) {
	t := &opTimes{by: map[string]*OpTime{}}
	var err error
	if t.begun, err = driver.NewEvent(true); err != nil {
		return nil, err
	}
	t.ended, err = driver.NewEvent(true)
	return t, err
}

func (t *opTimes) begin(s cu.Stream) error { return t.begun.Record(s) }

// end waits for the operation that was put on the stream since begin.
func (t *opTimes) end(s cu.Stream, op string) error {
	if err := t.ended.Record(s); err != nil {
		return err
	}
	if err := t.ended.Wait(); err != nil {
		return err
	}
	ms, err := t.ended.Since(t.begun)
	if err != nil {
		return err
	}
	o := t.by[op]
	if o == nil {
		o = &OpTime{Op: op}
		t.by[op] = o
	}
	o.Count++
	o.Time += time.Duration(float64(ms) * float64(time.Millisecond))
	return nil
}

// list is all of it, the longest first.
func (t *opTimes) list() []OpTime {
	var all []OpTime
	for _, o := range t.by {
		all = append(all, *o)
	}
	sort.Slice(all, func(i, j int) bool {
		if all[i].Time != all[j].Time {
			return all[i].Time > all[j].Time
		}
		return all[i].Op < all[j].Op
	})
	return all
}
