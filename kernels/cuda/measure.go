//go:build gpu

package cuda

import (
	"fmt"
	"time"

	"gorgonia.org/cu"

	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// TimeInstrs runs the program's instructions one after another, so many times, and gives for
// each the least time that the device took, told by its own clock. What may have taken less
// than its launch is timed again, many times in one graph. Slots change as in training.
func (e *Exec) TimeInstrs(repeats int) ([]time.Duration, error) {
	least := make([]time.Duration, len(e.program.Instrs))
	err := e.device.do(func() error {
		if err := e.ready(); err != nil {
			return err
		}
		if err := e.device.idle(); err != nil { // copies to what is read
			return err
		}
		marks, err := newMarks(len(least) + 1)
		if err != nil {
			return err
		}
		defer marks.destroy()
		for r := range repeats {
			if err := e.pass(marks); err != nil {
				return err
			}
			for i := range least {
				took, err := marks.between(i, i+1)
				if err != nil {
					return err
				}
				if r == 0 || took < least[i] {
					least[i] = took
				}
			}
		}
		return e.refine(least)
	})
	return least, err
}

// A time below brief may be that of launches, some microseconds each; such an instruction is
// run so many times in one graph.
const (
	brief   = 50 * time.Microsecond
	inGraph = 16
)

// refine times again what was brief.
func (e *Exec) refine(times []time.Duration) error {
	m, err := newMarks(2)
	if err != nil {
		return err
	}
	defer m.destroy()
	for i, t := range times {
		if t >= brief || len(e.joined[i]) == 0 {
			continue
		}
		took, err := e.timeInGraph(i, m)
		if err != nil {
			return err
		}
		times[i] = min(t, took)
	}
	return nil
}

// timeInGraph is an instruction's share of a graph of many of it, the second time it runs.
func (e *Exec) timeInGraph(i int, m marks) (time.Duration, error) {
	stream := e.device.lanes[compute].stream
	again := func() error {
		for range inGraph - 1 {
			if err := e.launch(i, e.joined[i]); err != nil {
				return err
			}
		}
		return nil
	}
	g, err := e.capture(stream, kernels.Segment{From: i, To: i + 1}, again)
	if err != nil {
		return 0, err
	}
	defer g.Destroy()
	for range 2 {
		if err := m[0].Record(stream); err != nil {
			return 0, err
		}
		if err := g.Launch(stream); err != nil {
			return 0, err
		}
		if err := m[1].Record(stream); err != nil {
			return 0, err
		}
		if err := driver.Synchronize(stream); err != nil {
			return 0, err
		}
	}
	took, err := m.between(0, 1)
	return max(took/inGraph, time.Nanosecond), err
}

// pass runs all instructions with a mark before each and behind the last, and waits.
func (e *Exec) pass(m marks) error {
	stream := e.device.lanes[compute].stream
	for i := range e.program.Instrs {
		if err := m[i].Record(stream); err != nil {
			return err
		}
		if err := e.launch(i, e.joined[i]); err != nil {
			return err
		}
	}
	if err := m[len(m)-1].Record(stream); err != nil {
		return err
	}
	return driver.Synchronize(stream)
}

// marks are timed events.
type marks []driver.Event

func newMarks(n int) (marks, error) {
	var m marks
	for range n {
		e, err := driver.NewEvent(true)
		if err != nil {
			m.destroy()
			return nil, err
		}
		m = append(m, e)
	}
	return m, nil
}

// between is the time from one mark to another.
func (m marks) between(from, to int) (time.Duration, error) {
	ms, err := m[to].Since(m[from])
	return time.Duration(float64(ms) * float64(time.Millisecond)), err
}

func (m marks) destroy() {
	for _, e := range m {
		_ = e.Destroy() // a context that is lost has none
	}
}

// Peaks measures what operations are held to: the rate of products from registers, on
// tensor cores by mma.sync with bf16 or by fused multiply-adds without, and that of copying
// memory that fits no cache, counting bytes read and written.
func (d *Device) Peaks(_ func() time.Time, bf16 bool) (flops, bytesPerSecond float64, err error) {
	err = d.do(func() error {
		if flops, err = d.peakProduct(bf16); err != nil {
			return err
		}
		bytesPerSecond, err = d.peakCopy()
		return err
	})
	return flops, bytesPerSecond, err
}

// longEnough is how long a measurement is to take at least, so that its ends do not count.
const longEnough = 5 * time.Millisecond

// timed gives the time of work of a size, doubled until it takes long enough. It runs once
// unmeasured before: a kernel's first launch may have to load it.
func (d *Device) timed(size int, work func(size int) error) (int, time.Duration, error) {
	m, err := newMarks(2)
	if err != nil {
		return 0, 0, err
	}
	defer m.destroy()
	stream := d.lanes[compute].stream
	const largest = 1 << 24
	if err := work(size); err != nil {
		return 0, 0, err
	}
	for ; ; size *= 2 {
		if err := m[0].Record(stream); err != nil {
			return 0, 0, err
		}
		if err := work(size); err != nil {
			return 0, 0, err
		}
		if err := m[1].Record(stream); err != nil {
			return 0, 0, err
		}
		if err := driver.Synchronize(stream); err != nil {
			return 0, 0, err
		}
		took, err := m.between(0, 1)
		if err != nil || took >= longEnough || size >= largest {
			return size, max(took, time.Nanosecond), err
		}
	}
}

func (d *Device) peakProduct(bf16 bool) (float64, error) {
	// What a block does a turn: 8 products of 16×8×16 a warp, or 8 chains of 16 a thread.
	name, turn := "peak_fma", blockThreads*8*16*2
	if bf16 {
		name, turn = "peak_mma", blockThreads/32*8*16*8*16*2
	}
	f, err := d.function(name)
	if err != nil {
		return 0, err
	}
	out, err := d.allocate("a result", 4)
	if err != nil {
		return 0, err
	}
	const perProcessor = 4
	blocks := d.processors * perProcessor
	turns, took, err := d.timed(4, func(turns int) error {
		return driver.Launch(f, threads(blocks, 1), d.lanes[compute].stream, new(driver.Arguments).Pointer(out).Int(turns))
	})
	if err != nil {
		return 0, err
	}
	return float64(blocks) * float64(turns) * float64(turn) / took.Seconds(), free(out)
}

func (d *Device) peakCopy() (float64, error) {
	free64, _, err := cu.MemInfo()
	if err != nil {
		return 0, err
	}
	const most, share = 256 << 20, 4
	bytes := min(most, free64/share)
	from, err := d.allocate("a copy", 2*bytes)
	if err != nil {
		return 0, fmt.Errorf("measure a copy: %w", err)
	}
	times, took, err := d.timed(1, func(times int) error {
		for range times {
			if err := cu.MemcpyDtoDAsync(from+cu.DevicePtr(bytes), from, bytes, d.lanes[compute].stream); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	return 2 * float64(bytes) * float64(times) / took.Seconds(), free(from)
}
