package search

import (
	"math"
	"slices"
	"strconv"

	"g2c/internal/fmath"
	"g2c/internal/philox"
)

// Param is a hyper-parameter: one of a list of values, or a number of a range.
type Param struct {
	Choices  int     // how many values the list has; 0 for a range
	Min, Max float64 // of a range, both in it
	Step     float64 // between its numbers, from Min on; 0 for none
	Log      bool    // drawn evenly by the logarithm
	Integer  bool
}

// CheckRange is what is wrong with a range, in words; nothing if nothing is.
func (p Param) CheckRange() string {
	switch {
	case !(p.Min < p.Max):
		return "min is not below max"
	case p.Log && !(p.Min > 0):
		return "a range on a logarithmic scale begins above 0"
	case p.Step < 0 || p.Step > p.Max-p.Min:
		return "the step does not fit into the range"
	case p.Log && p.Step > 0:
		return "a range on a logarithmic scale has no step"
	}
	return ""
}

// values is how many values there are; +Inf for as many as numbers.
func (p Param) values() float64 {
	switch {
	case p.Choices > 0:
		return float64(p.Choices)
	case p.Step > 0:
		return math.Floor((p.Max-p.Min)/p.Step+stepSlack) + 1
	case p.Integer:
		return p.Max - p.Min + 1
	}
	return math.Inf(1)
}

// stepSlack forgives the rounding of a range's length in steps.
const stepSlack = 1e-9

// at is the i-th value of a parameter that has finitely many.
func (p Param) at(i int) float64 {
	switch {
	case p.Choices > 0:
		return float64(i)
	case p.Step > 0:
		return digits(p.Min + float64(float64(i)*p.Step))
	}
	return p.Min + float64(i)
}

// low and high bound the scale on which numbers are drawn; whole numbers have a half more on
// both sides, so that the outermost are as likely as the others.
func (p Param) bounds() (low, high float64) {
	low, high = p.Min, p.Max
	switch {
	case p.Integer && p.Step == 0:
		low, high = low-0.5, high+0.5
	case p.Step > 0:
		low, high = low-p.Step/2, p.Min+float64((p.values()-0.5)*p.Step)
	}
	if p.Log {
		return fmath.Log(max(low, math.SmallestNonzeroFloat64)), fmath.Log(high)
	}
	return low, high
}

// onScale is a value where it is drawn.
func (p Param) onScale(v float64) float64 {
	if p.Log {
		return fmath.Log(v)
	}
	return v
}

// offScale is the value that a place on the scale stands for.
func (p Param) offScale(x float64) float64 {
	if p.Log {
		x = fmath.Exp(x)
	}
	switch {
	case p.Step > 0:
		i := math.Round((x - p.Min) / p.Step)
		return p.at(int(min(max(i, 0), p.values()-1)))
	case p.Integer:
		x = math.Round(x)
	default:
		x = digits(x)
	}
	return min(max(x, p.Min), p.Max)
}

// shownDigits is how exact a number that is drawn is: people are to read it.
const shownDigits = 6

// digits is a number with few significant digits.
func digits(x float64) float64 {
	out, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', shownDigits, 64), 64)
	if err != nil {
		panic("search: " + err.Error()) // what was written as a number reads as one
	}
	return out
}

// draw is a value from a uniform number in [0, 1).
func (p Param) draw(u float64) float64 {
	if p.Choices > 0 {
		return float64(min(int(u*float64(p.Choices)), p.Choices-1))
	}
	low, high := p.bounds()
	return p.offScale(low + float64(u*(high-low)))
}

// size is how many configurations a space has; +Inf for as many as numbers.
func (s *Search) size() float64 {
	n := 1.0
	for _, p := range s.Space {
		n *= p.values()
	}
	return n
}

// uniform is a number in [0, 1) that belongs to a place of the search.
func (s *Search) uniform(config, param, try, draw int) float64 {
	w := philox.Words(s.Seed, philox.Search, [4]uint32{uint32(config), uint32(param), uint32(try), uint32(draw)})
	return float64(philox.Uniform(w[0]))
}

// tries is how often a configuration is drawn again that was there before.
const tries = 64

// fresh is a configuration that seen lacks: the first of those that draw gives, or else the
// first there is; nil where all were seen.
func (s *Search) fresh(seen *[][]float64, draw func(try int) []float64) []float64 {
	isNew := func(v []float64) bool {
		return !slices.ContainsFunc(*seen, func(o []float64) bool { return slices.Equal(o, v) })
	}
	size := s.size()
	if float64(len(*seen)) >= size {
		return nil
	}
	for try := range tries {
		if v := draw(try); isNew(v) {
			*seen = append(*seen, v)
			return v
		}
	}
	if math.IsInf(size, 1) {
		return nil
	}
	for i := range len(*seen) + 1 { // one of so many is new
		if v := s.nth(i); isNew(v) {
			*seen = append(*seen, v)
			return v
		}
	}
	return nil
}

// nth is the i-th configuration of a finite space, the last parameter fastest.
func (s *Search) nth(i int) []float64 {
	out := make([]float64, len(s.Space))
	for k := len(s.Space) - 1; k >= 0; k-- {
		n := int(min(s.Space[k].values(), math.MaxInt32))
		out[k] = s.Space[k].at(i % n)
		i /= n
	}
	return out
}
