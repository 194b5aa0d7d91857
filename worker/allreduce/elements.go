package allreduce

import (
	"unsafe"

	"g2c/kernels"
	"g2c/kernels/host"
)

// Element is what is added: a device's reals, float64 those of the reference.
type Element interface{ float32 | float64 }

// onWire is what frames hold.
type onWire interface{ Element | uint16 }

func sizeOf[T onWire]() int {
	var x T
	return int(unsafe.Sizeof(x))
}

// bytesOf is the memory of elements.
func bytesOf[T onWire](v []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(v))), len(v)*sizeOf[T]())
}

// copyBytes fills elements from parts, which hold as many bytes.
func copyBytes[T Element](to []T, parts [][]byte) {
	b := bytesOf(to)
	for _, p := range parts {
		b = b[copy(b, p):]
	}
}

// inElements says that each part begins and ends where an element may.
func inElements[T onWire](parts [][]byte) bool {
	size := sizeOf[T]()
	for _, p := range parts {
		if len(p)%size != 0 || uintptr(unsafe.Pointer(unsafe.SliceData(p)))%uintptr(size) != 0 {
			return false
		}
	}
	return true
}

// elementsOf are the elements in such a part.
func elementsOf[T onWire](part []byte) []T {
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(part))), len(part)/sizeOf[T]())
}

// as gives elements their type, which must be one of the same size: a type switch on a
// slice would allocate.
func as[U, T Element](v []T) []U {
	return unsafe.Slice((*U)(unsafe.Pointer(unsafe.SliceData(v))), len(v))
}

// arrivedAlready is the wait for a copy that is there.
func arrivedAlready() error { return nil }

// lender is a State in this process's memory.
type lender[T Element] interface {
	Tensor(name string) (host.Tensor[T], error)
}

// part finds a member's part of the bucket's pieces, which is read where the state has it,
// if it lends its memory.
func (b *bucket[T]) part(member int, slots []string, s kernels.State) (wait func() error, err error) {
	if from, ok := s.(lender[T]); ok {
		return arrivedAlready, b.lend(member, slots, from)
	}
	for i, p := range b.pieces {
		b.leaves[member][i] = b.parts[member][p.from:p.to]
	}
	return b.snapshot(member, slots, s)
}

// lend finds the pieces in slots that lie one behind another. One that is in several is
// copied, and so is one whose memory would be sent: a transport may look at that longer
// than the state lives.
func (b *bucket[T]) lend(member int, slots []string, s lender[T]) error {
	at, next := 0, 0
	for _, slot := range slots {
		t, err := s.Tensor(slot)
		if err != nil {
			return err
		}
		end := at + len(t.F)
		for ; next < len(b.pieces) && b.pieces[next].from < end; next++ {
			p := b.pieces[next]
			stays := p.owner == b.group.plan.self || len(b.images) > 0
			if stays && p.from >= at && p.to <= end {
				b.leaves[member][next] = t.F[p.from-at : p.to-at]
				continue
			}
			part := b.parts[member][p.from:p.to]
			b.leaves[member][next] = part
			from := max(p.from, at)
			copy(part[from-p.from:], t.F[from-at:])
			if p.to > end {
				break // the rest is in the slots behind
			}
		}
		at = end
	}
	return nil
}

// snapshot copies slots one behind another to a member's part, while the device goes on
// if it can.
func (b *bucket[T]) snapshot(member int, slots []string, s kernels.State) (wait func() error, err error) {
	to := b.parts[member]
	if sizeOf[T]() == 8 {
		for _, slot := range slots {
			n := length(slot, s)
			if err := s.GetF64(slot, as[float64](to[:n])); err != nil {
				return nil, err
			}
			to = to[n:]
		}
		return arrivedAlready, nil
	}
	views := b.views[member][:0]
	for _, slot := range slots {
		n := length(slot, s)
		views, to = append(views, as[float32](to[:n])), to[n:]
	}
	b.views[member] = views
	return kernels.Snapshot(s, slots, views)
}

func put[T Element](s kernels.State, slot string, v []T) error {
	if sizeOf[T]() == 8 {
		return s.PutF64(slot, as[float64](v))
	}
	return s.PutF32(slot, as[float32](v))
}

func length(slot string, s kernels.State) int {
	_, _, n, _ := s.Spec().Place(slot)
	return n
}

func lengths(slots []string, s kernels.State) int {
	n := 0
	for _, slot := range slots {
		n += length(slot, s)
	}
	return n
}
