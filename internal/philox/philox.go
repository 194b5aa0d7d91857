// Package philox is the one source of randomness: Philox4x32-10 (Salmon, Moraes,
// Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011), a
// function from a key and a counter to four 32-bit words. There is no state, so
// there is nothing to save and nothing to lose: a draw depends only on what it
// is for.
//
// It is not a generator to be advanced, and not for secrets.
//
// Words: the *seed* is a run's; the *purpose* separates the uses of one seed;
// the *counter* names the draw (step, place, element). All functions are pure
// and safe for concurrent use, except that a Shuffler belongs to one goroutine.
package philox

import (
	"cmp"
	"math"
	"math/bits"
	"slices"

	"g2c/internal/fmath"
)

// Purpose says what a draw is for; it is the second word of the key. The numbers
// are part of every result and never change.
type Purpose uint32

// The purposes. A counter's layout is that of its purpose; words not named are 0.
const (
	Weights   Purpose = 1  // (element/4, place in the net's sorted names, net number): initial values
	OrderA    Purpose = 2  // shuffle of domain A, or of the labelled set: step is the epoch
	OrderB    Purpose = 3  // (epoch, place): draws from domain B with replacement
	AugmentA  Purpose = 4  // (global step, place in the global batch, draw): crop and flip of A
	AugmentB  Purpose = 5  // the same of B
	Jitter    Purpose = 6  // (global step, place in the global batch, draw): colour jitter
	PoolA     Purpose = 7  // (global step, place in the global batch): image pool of fake A
	PoolB     Purpose = 8  // the same of fake B
	Split     Purpose = 9  // shuffle of the groups of a data set: step is 0
	Bootstrap Purpose = 10 // (resample, draw): groups of a resample; only the simulation of coverage has any now
	Synthetic Purpose = 11 // (patient, patch, stream, draw): the synthetic kidney world
	Folds     Purpose = 12 // shuffle of the groups of a data set before they are dealt to folds: step is 0
	Take      Purpose = 13 // shuffle of the training images of one class: step is 0

	Dropout Purpose = 40 // (global step, place in the global batch, unit/4): which units of a network are dropped
	Forest  Purpose = 41 // (tree, node, draw, 0 or 1): images and features of a random forest's trees

	Search Purpose = 50 // (configuration, parameter, try, draw): values of a search's trials

	SignFlip   Purpose = 14 // (flip, group/128): which groups exchange the two arms of a comparison, a bit each
	Simulation Purpose = 15 // (repetition, group, image, class): samples of the coverage simulation; the seed is the cell
	Study      Purpose = 16 // shuffles of a reader study: step 0 of its patches, then one of the candidates of each stain and kind
)

const (
	multiplier0 = 0xD2511F53
	multiplier1 = 0xCD9E8D57
	weyl0       = 0x9E3779B9
	weyl1       = 0xBB67AE85
	rounds      = 10
)

// Words is Philox4x32-10 of the counter c under the key (seed, p).
func Words(seed uint32, p Purpose, c [4]uint32) [4]uint32 {
	k0, k1 := seed, uint32(p)
	for range rounds {
		hi0, lo0 := bits.Mul32(multiplier0, c[0])
		hi1, lo1 := bits.Mul32(multiplier1, c[2])
		c = [4]uint32{hi1 ^ c[1] ^ k0, lo1, hi0 ^ c[3] ^ k1, lo0}
		k0 += weyl0
		k1 += weyl1
	}
	return c
}

// Uniform maps a word to [0, 1): its upper 24 bits, exact in float32.
func Uniform(x uint32) float32 { return float32(x>>8) * 0x1p-24 }

// Below maps a word to [0, n) by the high half of a product; n is at least 1.
// The bias is below n/2^32.
func Below(x uint32, n int) int {
	hi, _ := bits.Mul32(x, uint32(n))
	return int(hi)
}

// Normals maps four words to four samples of N(0, 1) by Box and Muller, in
// float64 and rounded: words 0, 1 give samples 0 (cosine) and 1 (sine), words
// 2, 3 the others.
func Normals(w [4]uint32) [4]float32 {
	a, b := boxMuller(w[0], w[1])
	c, d := boxMuller(w[2], w[3])
	return [4]float32{a, b, c, d}
}

func boxMuller(x, y uint32) (cosine, sine float32) {
	r := math.Sqrt(-2 * fmath.Log(1-float64(Uniform(x))))
	angle := float64(2*math.Pi) * float64(Uniform(y))
	return float32(r * fmath.Cos(angle)), float32(r * fmath.Sin(angle))
}

// Shuffle returns a permutation of 0 to n-1: the indices sorted by (word, index),
// where the 64-bit word of index i is words 0 (low half) and 1 (high half) of the
// counter (step, i, 0, 0).
func Shuffle(seed uint32, p Purpose, step uint32, n int) []int32 {
	order := make([]int32, n)
	new(Shuffler).Shuffle(seed, p, step, order)
	return order
}

// Shuffler makes permutations without allocating, once it has seen the largest.
type Shuffler struct{ keys []shuffleKey }

type shuffleKey struct {
	word  uint64
	index int32
}

// Shuffle fills order with the permutation that the function Shuffle returns.
func (s *Shuffler) Shuffle(seed uint32, p Purpose, step uint32, order []int32) {
	s.keys = slices.Grow(s.keys[:0], len(order))[:len(order)]
	for i := range s.keys {
		w := Words(seed, p, [4]uint32{step, uint32(i), 0, 0})
		s.keys[i] = shuffleKey{uint64(w[1])<<32 | uint64(w[0]), int32(i)}
	}
	slices.SortFunc(s.keys, func(a, b shuffleKey) int {
		return cmp.Or(cmp.Compare(a.word, b.word), cmp.Compare(a.index, b.index))
	})
	for i, k := range s.keys {
		order[i] = k.index
	}
}
