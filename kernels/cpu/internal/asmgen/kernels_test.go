package main

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/mmcloughlin/avo/ir"

	"g2c/kernels/cpu/internal/fma32"
)

// function finds a kernel.
func function(t *testing.T, name string) *ir.Function {
	t.Helper()
	file, err := generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range file.Functions() {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no kernel %s", name)
	return nil
}

// draw gives n values of mixed size.
func draw(r *rand.Rand, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = float32(math.Ldexp(r.NormFloat64(), r.IntN(20)-10))
	}
	return v
}

// sums is a tile of results in the making, by row.
type sums [][]float32

func newSums(r *rand.Rand, t tile, resume int64) (start [][]float32, want sums) {
	for range t.rows {
		row := draw(r, t.columns)
		start = append(start, row)
		if resume == 0 {
			want = append(want, make([]float32, t.columns))
		} else {
			want = append(want, slices.Clone(row))
		}
	}
	return start, want
}

// link adds left[r] * right[j] to every sum.
func (s sums) link(left func(r int) float32, right []float32) {
	for r, row := range s {
		for j := range row {
			row[j] = fma32.FMA(left(r), right[j], row[j])
		}
	}
}

// compare holds the results in memory to the bits of the definition.
func (s sums) compare(t *testing.T, m *machine, results []int64) {
	t.Helper()
	for r, row := range s {
		for j, got := range m.read(results[r], len(row)) {
			if math.Float32bits(got) != math.Float32bits(row[j]) {
				t.Fatalf("row %d, column %d: %g, want %g", r, j, got, row[j])
			}
		}
	}
}

// TestDot interprets every dot kernel and compares bits with chains of fused
// multiply-adds.
func TestDot(t *testing.T) {
	for _, k := range tiles {
		f := function(t, k.name("dot"))
		for _, n := range []int{1, 3, 4, 5, 8, 11} {
			for _, resume := range []int64{0, 1} {
				for _, biased := range []bool{false, true} {
					t.Run(fmt.Sprintf("%s/n=%d/resume=%d/bias=%v", f.Name, n, resume, biased), func(t *testing.T) {
						dotCase(t, k, f, n, resume, biased)
					})
				}
			}
		}
	}
}

func dotCase(t *testing.T, k tile, f *ir.Function, n int, resume int64, biased bool) {
	const taps = 3
	r := rand.New(rand.NewPCG(uint64(n), uint64(k.columns)))
	m := &machine{}
	start, want := newSums(r, k, resume)
	right := draw(r, taps*n*k.columns)
	var left []int64
	var rows [][]float32
	for range taps * k.rows {
		rows = append(rows, draw(r, n))
		left = append(left, m.place(rows[len(rows)-1]))
	}
	var results []int64
	for _, row := range start {
		results = append(results, m.place(row))
	}
	bias := draw(r, k.columns)
	at := int64(0)
	if biased {
		at = m.place(bias)
	}
	m.call(taps, m.table(left), int64(n), m.place(right), at, m.table(results), resume)
	if err := m.run(f); err != nil {
		t.Fatal(err)
	}
	for tap := range taps {
		for c := range n {
			want.link(func(r int) float32 { return rows[tap*k.rows+r][c] }, right[(tap*n+c)*k.columns:])
		}
	}
	if biased {
		for _, row := range want {
			for j := range row {
				row[j] += bias[j]
			}
		}
	}
	want.compare(t, m, results)
}

// TestOuter does the same for the outer kernels.
func TestOuter(t *testing.T) {
	for _, k := range slices.Concat(tiles, narrowTiles) {
		f := function(t, k.name("outer"))
		for _, n := range []int{1, 2, 3, 4, 7, 9} {
			for _, resume := range []int64{0, 1} {
				t.Run(fmt.Sprintf("%s/n=%d/resume=%d", f.Name, n, resume), func(t *testing.T) {
					outerCase(t, k, f, n, resume)
				})
			}
		}
	}
}

func outerCase(t *testing.T, k tile, f *ir.Function, n int, resume int64) {
	const runs = 3
	stride := k.columns + 3
	r := rand.New(rand.NewPCG(uint64(n), uint64(k.columns)))
	m := &machine{}
	start, want := newSums(r, k, resume)
	leftStride := k.rows + 2
	left := draw(r, runs*n*leftStride)
	var right []int64
	var rows [][]float32
	for range runs {
		rows = append(rows, draw(r, (n-1)*stride+k.columns))
		right = append(right, m.place(rows[len(rows)-1]))
	}
	var results []int64
	for _, row := range start {
		results = append(results, m.place(row))
	}
	m.call(runs, m.table(right), int64(n), int64(4*stride), m.place(left), int64(4*leftStride), m.table(results), resume)
	if err := m.run(f); err != nil {
		t.Fatal(err)
	}
	for u := range runs {
		for i := range n {
			want.link(func(r int) float32 { return left[(u*n+i)*leftStride+r] }, rows[u][i*stride:])
		}
	}
	want.compare(t, m, results)
}

// TestTransforms interprets every transform in both widths of vectors: the same
// bits, in the places that tables and steps name. What the narrow ones compute is
// tested where they run, against plain Go.
func TestTransforms(t *testing.T) {
	for _, x := range transforms {
		t.Run(x.name, func(t *testing.T) {
			narrow, wide := transformCase(t, x, "AVX2"), transformCase(t, x, "AVX512")
			for i := range narrow {
				if math.Float32bits(narrow[i]) != math.Float32bits(wide[i]) {
					t.Fatalf("element %d: %g and %g", i, narrow[i], wide[i])
				}
			}
		})
	}
}

func transformCase(t *testing.T, x transform, isa string) []float32 {
	const channels = 32
	r := rand.New(rand.NewPCG(7, uint64(x.line.from)))
	m := &machine{}
	n, k := x.line.from*x.line.from, x.line.to*x.line.to
	row := channels + 3
	from, to := draw(r, n*row), m.place(make([]float32, k*row))
	source, step := m.place(from), int64(4*row)
	tableOf := func(base int64, places int) int64 {
		var addresses []int64
		for i := range places {
			addresses = append(addresses, base+int64(i)*step)
		}
		return m.table(addresses)
	}
	arguments := []int64{channels}
	if x.gather {
		arguments = append(arguments, tableOf(source, n))
	} else {
		arguments = append(arguments, source, step)
	}
	if x.scatter {
		arguments = append(arguments, tableOf(to, k))
	} else {
		arguments = append(arguments, to, step)
	}
	arguments = append(arguments, m.place(make([]float32, 36*16)), m.place(draw(r, x.line.constants)))
	if x.biased {
		arguments = append(arguments, m.place(draw(r, channels)))
	}
	m.call(arguments...)
	if err := m.run(function(t, x.name+isa)); err != nil {
		t.Fatal(err)
	}
	out := m.read(to, k*row)
	nonzero := 0
	for _, v := range out {
		if v != 0 {
			nonzero++
		}
	}
	if nonzero < k*channels*9/10 || out[channels] != 0 {
		t.Fatalf("%s: %d of %d results are not zero", isa, nonzero, k*channels)
	}
	return out
}

// TestFresh: the committed files are what the generator writes.
func TestFresh(t *testing.T) {
	dir := t.TempDir()
	names := []string{"kernels_amd64.s", "kernels_amd64.go"}
	if err := run(filepath.Join(dir, names[0]), filepath.Join(dir, names[1])); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		want, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got, err := os.ReadFile(filepath.Join("..", "..", name))
		if err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s is stale: run go generate ./kernels/cpu", name)
		}
	}
}
