package dataset

import (
	"sync"

	"g2c/internal/fault"
	"g2c/internal/pixelcache"
)

// Painter changes the colours of images as they are read. It keeps what it has painted, as
// far as Keep reaches: the first images that are read, since those who train read all of
// them again and again, and a cache that let the oldest go would never have the next. It
// may be used by several goroutines, for sets that are painted by the same painters before.
type Painter struct {
	// Apply writes pixels in other colours to dst, which may be src. Equal pixels become
	// equal ones.
	Apply func(dst, src []uint8)
	// Keep is how many bytes are kept in memory.
	Keep int64

	mu    sync.Mutex
	kept  map[pixelcache.Ref][]uint8
	bytes int64
}

// recall copies what was painted before.
func (p *Painter) recall(to []uint8, at pixelcache.Ref) bool {
	p.mu.Lock()
	pixels, ok := p.kept[at]
	p.mu.Unlock()
	copy(to, pixels)
	return ok
}

// paint paints pixels in place, and keeps them if there is room.
func (p *Painter) paint(pixels []uint8, at pixelcache.Ref) {
	p.Apply(pixels, pixels)
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.kept[at]; ok || p.bytes+int64(len(pixels)) > p.Keep {
		return
	}
	if p.kept == nil {
		p.kept = map[pixelcache.Ref][]uint8{}
	}
	p.kept[at] = append([]uint8(nil), pixels...)
	p.bytes += int64(len(pixels))
}

// Painted is the set with its pixels in other colours, behind those that it was painted
// with before. Everything else is as it was: the fingerprint, hashes and colours of images
// are those of the pixels that were loaded.
func (s *Set) Painted(p *Painter) *Set {
	out := *s
	out.painters = append(s.painters[:len(s.painters):len(s.painters)], p)
	return &out
}

// painted reads an image and paints it, from the last painter on that has it.
func (s *Set) painted(to []uint8, place int) error {
	at, from := s.refs[place], len(s.painters)
	for from > 0 && !s.painters[from-1].recall(to, at) {
		from--
	}
	if from == 0 {
		if err := s.loaded.read(to, place); err != nil {
			return err
		}
	}
	for _, p := range s.painters[from:] {
		p.paint(to, at)
	}
	return nil
}

// Named is the images of s that are called as those of the other set, in its order.
func (s *Set) Named(like *Set) (*Set, error) {
	number := map[string]int{}
	for i := range s.Len() {
		number[s.images[s.place(i)].Name] = i
	}
	numbers := make([]int, like.Len())
	for i := range numbers {
		name := like.images[like.place(i)].Name
		n, ok := number[name]
		if !ok {
			return nil, fault.New(fault.ErrData, "there is no other image of %s", Show(name))
		}
		numbers[i] = n
	}
	return s.at(numbers), nil
}
