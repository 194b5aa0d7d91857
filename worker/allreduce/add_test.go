package allreduce

import (
	"fmt"
	"math"
	"testing"
)

func checkAdd[T Element](t *testing.T, bits func(T) uint64) {
	t.Helper()
	special := []float64{0, math.Copysign(0, -1), 1, -1, 1e30, math.Inf(1), math.Inf(-1), math.NaN(), 1e-45, 3.4e38}
	value := func(i int) T { return T(special[i%len(special)]*0.75 + float64(i%7)) }
	const guard = 12345
	for n := range 140 {
		for _, into := range []string{"another", "the first", "the second"} {
			x, y, z := make([]T, n+1), make([]T, n+1), make([]T, n+1)
			for i := range x {
				x[i], y[i], z[i] = value(i), value(3*i+1), guard
			}
			x[n], y[n] = guard, guard
			want := make([]T, n)
			addPlain(want, x[:n], y[:n])
			to := map[string][]T{"another": z, "the first": x, "the second": y}[into]
			add(to[:n], x[:n], y[:n])
			for i, w := range want {
				same := bits(to[i]) == bits(w) || math.IsNaN(float64(to[i])) && math.IsNaN(float64(w))
				if !same {
					t.Fatalf("%d elements into %s: element %d is %v, want %v", n, into, i, to[i], w)
				}
			}
			if to[n] != guard {
				t.Fatalf("%d elements into %s: one more is written", n, into)
			}
		}
	}
}

// Vectors add to the bits of the plain loop, and write no further.
func TestAdd(t *testing.T) {
	t.Run("float32", func(t *testing.T) { checkAdd(t, func(v float32) uint64 { return uint64(math.Float32bits(v)) }) })
	t.Run("float64", func(t *testing.T) { checkAdd(t, math.Float64bits) })
}

func BenchmarkAdd(b *testing.B) {
	for _, n := range []int{1 << 14, 1 << 18, 1 << 22} {
		x, y := make([]float32, n), make([]float32, n)
		for name, f := range map[string]func(to, a, b []float32){"vectors": add[float32], "plain": addPlain[float32]} {
			b.Run(fmt.Sprintf("%d/%s", n, name), func(b *testing.B) {
				b.SetBytes(int64(4 * n))
				for b.Loop() {
					f(x, x, y)
				}
			})
		}
	}
}
