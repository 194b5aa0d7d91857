//go:build gpu

package cuda

import (
	"fmt"
	"unsafe"

	"gorgonia.org/cu"

	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

const (
	// leastDepartures is enough for a copy to reach the speed of the bus.
	leastDepartures = 4 << 20
	// mostArrivals bounds the memory that one call of Get takes.
	mostArrivals = 4 << 20
)

// raw is the memory of a slice.
func raw[T any](v []T) []byte {
	var element T
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*int(unsafe.Sizeof(element)))
}

// put begins to copy all elements of a slot to the device. v may be written again when it
// returns.
func put[T any](s *State, name string, d kernels.DType, v []T) error {
	t, err := s.expect(name, d, len(v))
	if err != nil {
		return err
	}
	return s.device.do(func() error {
		slots := s.index[name]
		if err := s.begin(in, nil, slots); err != nil {
			return err
		}
		last, err := s.send(t.at, raw(v))
		s.end(in, last, nil, slots)
		return err
	})
}

// send puts copies to the device on their lane and gives the number of the last.
func (s *State) send(to cu.DevicePtr, from []byte) (last int64, err error) {
	l := &s.device.lanes[in]
	for len(from) > 0 {
		memory, err := s.leaving.reserve(l, len(from))
		if err != nil {
			return 0, err
		}
		n := copy(memory, from)
		if err := driver.CopyIn(to, unsafe.Pointer(&memory[0]), n, l.stream); err != nil {
			return 0, err
		}
		if last, err = l.done(); err != nil {
			return 0, err
		}
		s.leaving.sent(last)
		from, to = from[n:], to+cu.DevicePtr(n)
	}
	return last, nil
}

// get copies all elements of a slot to the host, once they are written.
func get[T any](s *State, name string, d kernels.DType, v []T) error {
	t, err := s.expect(name, d, len(v))
	if err != nil {
		return err
	}
	return s.device.do(func() error {
		slots := s.index[name]
		if err := s.begin(out, slots, nil); err != nil {
			return err
		}
		last, err := s.fetch(raw(v), t.at)
		s.end(out, last, slots, nil)
		return err
	})
}

// fetch copies from the device by way of pinned memory.
func (s *State) fetch(to []byte, from cu.DevicePtr) (last int64, err error) {
	l := &s.device.lanes[out]
	p, err := s.arriving.take(min(len(to), mostArrivals))
	if err != nil {
		return 0, err
	}
	defer s.arriving.give(p)
	for len(to) > 0 {
		n := min(len(to), p.size)
		if err := driver.CopyOut(p.memory, from, n, l.stream); err != nil {
			return 0, err
		}
		if last, err = l.done(); err != nil {
			return 0, err
		}
		if err := l.wait(last); err != nil {
			return 0, err
		}
		copy(to, p.bytes(0, n))
		to, from = to[n:], from+cu.DevicePtr(n)
	}
	return last, nil
}

// Snapshot implements kernels.Snapshotter.
func (s *State) Snapshot(names []string, dst [][]float32) (wait func() error, err error) {
	var from []tensor
	var slots []int
	total := 0
	for i, name := range names {
		t, err := s.expect(name, kernels.F32, len(dst[i]))
		if err != nil {
			return nil, err
		}
		from, slots, total = append(from, t), append(slots, s.index[name]...), total+len(raw(dst[i]))
	}
	var p *pinned
	err = s.device.do(func() error {
		if p, err = s.arriving.take(total); err != nil {
			return fmt.Errorf("pinned memory for a snapshot of %d MiB: %w", total>>20, err)
		}
		return s.leave(p, from, slots)
	})
	if err != nil {
		return nil, err
	}
	return func() error { return s.arrived(p, dst) }, nil
}

// leave puts copies of tensors to pinned memory on their lane, one behind another.
func (s *State) leave(p *pinned, from []tensor, slots []int) error {
	l := &s.device.lanes[out]
	if err := s.begin(out, slots, nil); err != nil {
		return err
	}
	at := 0
	for _, t := range from {
		n := int(layout.Bytes(t.Type))
		if n == 0 {
			continue
		}
		if err := driver.CopyOut(unsafe.Add(p.memory, at), t.at, n, l.stream); err != nil {
			return err
		}
		at += n
	}
	last, err := l.done()
	if err != nil {
		return err
	}
	s.end(out, last, slots, nil)
	return p.event.Record(l.stream)
}

// arrived waits for a snapshot and hands it out. Nothing is handed out of one that failed.
func (s *State) arrived(p *pinned, dst [][]float32) error {
	if err := s.device.await(p.event.Wait); err != nil {
		return err
	}
	at := 0
	for _, v := range dst {
		at += copy(raw(v), p.bytes(at, len(raw(v))))
	}
	s.arriving.give(p)
	return nil
}
