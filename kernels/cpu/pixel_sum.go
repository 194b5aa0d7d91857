package cpu

import (
	"g2c/kernels"
	"g2c/kernels/host"
)

// pixelSum adds per-channel values over pixels in the order of
// kernels.PixelSum, one or two sums at a time:
//
//	totals[v][k][c] = sum over the samples of set v, and their pixels p, of add's term for k, n, p, c
//
// A chunk of pixels is one item, so that chunks are summed side by side and then
// together in order.
type pixelSum struct {
	dev      *Device
	sets     [][]int // which samples make up each total, in order
	samples  int
	pixels   int // of a sample
	channels int
	terms    int // sums made at once

	// add adds the terms of pixels from to end of a sample to sums, terms ×
	// channels of them.
	add func(w *workspace, sums []float32, set, sample, from, end int)
	// finish takes the totals of a set.
	finish func(set int, totals []float32)

	scratch     *host.Scratch[float32]
	now         window
	partial     []float32
	setOf       []int
	addTask     func(member, item int)
	combineTask func(member, item int)
}

// window is a run of samples, and of the sets that they make up.
type window struct{ sample, samples, set, sets int }

// singles are sets of one sample each.
func singles(samples int) [][]int {
	sets := make([][]int, samples)
	for n := range sets {
		sets[n] = []int{n}
	}
	return sets
}

// shards are the samples of each shard, in the order of Segments.
func shards(s kernels.Segments, samples int) [][]int {
	sets := make([][]int, s.Shards)
	for v := range sets {
		for g := range s.Groups {
			first := s.First(samples, g, v)
			sets[v] = append(sets[v], count(first, first+s.Per(samples), 1)...)
		}
	}
	return sets
}

func (s *pixelSum) prepare() *pixelSum {
	s.setOf = make([]int, s.samples)
	for v, set := range s.sets {
		for _, n := range set {
			s.setOf[n] = v
		}
	}
	s.scratch.Reserve(s.floats())
	s.addTask = func(member, item int) {
		n, chunk := s.now.sample+item/s.chunks(), item%s.chunks()
		part := s.part(s.now.sample*s.chunks() + item)
		clear(part)
		from := chunk * kernels.PixelChunk
		s.add(&s.dev.members[member], part, s.setOf[n], n, from, min(from+kernels.PixelChunk, s.pixels))
	}
	s.combineTask = func(_, set int) { s.combine(s.now.set + set) }
	return s
}

func (s *pixelSum) chunks() int { return (s.pixels + kernels.PixelChunk - 1) / kernels.PixelChunk }

func (s *pixelSum) floats() int { return s.samples * s.chunks() * s.terms * s.channels }

// part is the sum of chunk i, counted over all samples.
func (s *pixelSum) part(i int) []float32 {
	size := s.terms * s.channels
	return s.partial[i*size:][:size]
}

// combine adds the chunks of a set into its first.
func (s *pixelSum) combine(set int) {
	total := s.part(s.sets[set][0] * s.chunks())
	for i, n := range s.sets[set] {
		for chunk := range s.chunks() {
			if i+chunk > 0 {
				addTo(total, s.part(n*s.chunks()+chunk))
			}
		}
	}
	s.finish(set, total)
}

// run makes all sums.
func (s *pixelSum) run() { s.runOver(window{samples: s.samples, sets: len(s.sets)}) }

// runOver makes the sums of a window.
func (s *pixelSum) runOver(w window) {
	s.now = w
	s.partial = s.scratch.Floats(s.floats())
	s.dev.team.run(w.samples*s.chunks(), s.addTask)
	s.dev.team.run(w.sets, s.combineTask)
}

// addTo is to += from.
func addTo(to, from []float32) {
	from = from[:len(to)]
	for i := range to {
		to[i] += from[i]
	}
}
