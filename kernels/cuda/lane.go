//go:build gpu

package cuda

import (
	"gorgonia.org/cu"

	"g2c/kernels/cuda/driver"
)

// The lanes of a device: streams that run side by side.
const (
	compute = iota // segments
	in             // copies to the device
	out            // copies from it
	lanes
)

// laneEvents is how many pieces of work back a lane can be waited for exactly. What lies
// further back is waited for by way of a later piece, which is as right.
const laneEvents = 256

// lane is a stream whose pieces of work are numbered from 1, with an event behind each.
type lane struct {
	stream cu.Stream
	events [laneEvents]driver.Event
	last   int64        // piece handed over last
	ended  int64        // piece that the host has seen the end of
	after  [lanes]int64 // of each lane, the last piece that this one waits for
}

func (l *lane) open() (err error) {
	if l.stream, err = cu.MakeStream(cu.NonBlocking); err != nil {
		return err
	}
	for i := range l.events {
		if l.events[i], err = driver.NewEvent(false); err != nil {
			return err
		}
	}
	return nil
}

// done ends a piece of work and gives its number.
func (l *lane) done() (int64, error) {
	l.last++
	return l.last, l.event(l.last).Record(l.stream)
}

// wait has the host wait for a piece of work.
func (l *lane) wait(piece int64) error {
	if err := l.event(piece).Wait(); err != nil {
		return err
	}
	l.ended = max(l.ended, piece)
	return nil
}

func (l *lane) event(piece int64) driver.Event { return l.events[piece%laneEvents] }

// mark is what was done to a slot last.
type mark struct {
	writer  int          // lane
	written int64        // piece of it, 0 for none
	read    [lanes]int64 // pieces that have read it since
}

// begin has a lane wait, on the device, for what a piece of work that reads and writes
// slots must come after, and for nothing else.
func (s *State) begin(lane int, reads, writes []int) error {
	var need [lanes]int64
	for _, i := range reads {
		m := &s.marks[i]
		need[m.writer] = max(need[m.writer], m.written)
	}
	for _, i := range writes {
		m := &s.marks[i]
		need[m.writer] = max(need[m.writer], m.written)
		for from, piece := range m.read {
			need[from] = max(need[from], piece)
		}
	}
	l := &s.device.lanes[lane]
	for from, piece := range need {
		other := &s.device.lanes[from]
		if from == lane || piece <= l.after[from] || piece <= other.ended {
			continue
		}
		if err := other.event(piece).Hold(l.stream); err != nil {
			return err
		}
		l.after[from] = other.last - (other.last-piece)%laneEvents // whose event it is by now
	}
	return nil
}

// end marks slots with a piece of work that has been handed over.
func (s *State) end(lane int, piece int64, reads, writes []int) {
	for _, i := range reads {
		s.marks[i].read[lane] = piece
	}
	for _, i := range writes {
		s.marks[i] = mark{writer: lane, written: piece}
	}
}

// idle waits until all lanes are empty.
func (d *Device) idle() error {
	for i := range d.lanes {
		l := &d.lanes[i]
		if err := driver.Synchronize(l.stream); err != nil {
			return err
		}
		l.ended = l.last
	}
	return nil
}
