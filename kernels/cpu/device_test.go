package cpu

import (
	"math"
	"testing"

	"g2c/kernels"
	"g2c/kernels/ref"
	"g2c/kernels/tolerance"
)

// operandsFor are operands in the domain of the operation: variances are not
// negative, and values stay where a kink does not make float32 and float64
// differ.
func operandsFor(t trial, seed uint64) [][]float64 {
	ops := t.operands(seed)
	positive := func(v []float64) {
		for i := range v {
			v[i] = math.Abs(v[i])
		}
	}
	switch t.op.(type) {
	case kernels.Adam:
		positive(ops[2])
		positive(ops[4])
	case kernels.BatchNormInfer:
		positive(ops[4])
	case kernels.InstanceNormGrad, kernels.BatchNormGrad:
		positive(ops[3])
	}
	return ops
}

// tensors are values with their types.
func tensors(types []kernels.Type, values [][]float64) (ts []tolerance.Tensor) {
	for i, t := range types {
		ts = append(ts, tolerance.Tensor{Type: t, V: values[i]})
	}
	return ts
}

// TestAgainstReference compares every operation with the float64 loops, on every
// instruction set.
func TestAgainstReference(t *testing.T) {
	r := ref.New()
	for _, isa := range isas() {
		d := open(t, Options{Threads: 2, ISA: isa})
		for i, tr := range allTrials() {
			ops := operandsFor(tr, uint64(i))
			want, got := tr.run(t, r, ops), tr.run(t, d, ops)
			out, err := tr.op.Infer(tr.in)
			if err != nil {
				t.Fatal(err)
			}
			off, err := tolerance.Of(tr.op, tensors(tr.in, ops), tensors(out, want))
			if err != nil {
				t.Fatal(err)
			}
			for k := range want {
				for j := range want[k] {
					if !tolerance.Near(got[k][j], want[k][j], off[k][j]) {
						t.Errorf("%s %v: result %d, element %d: %g, want %g", isa, tr, k, j, got[k][j], want[k][j])
						break
					}
				}
			}
		}
	}
}

// TestSameBits: neither the number of threads nor the vectors' width shows. The
// portable kernels round differently and are compared with themselves.
func TestSameBits(t *testing.T) {
	first := map[string]*Device{}
	for _, isa := range isas() {
		for threads := 1; threads <= 3; threads++ {
			d := open(t, Options{Threads: threads, ISA: isa})
			base := first[d.Class()]
			if base == nil {
				first[d.Class()] = d
				continue
			}
			for i, tr := range allTrials() {
				ops := operandsFor(tr, uint64(i))
				if err := same(tr.run(t, base, ops), tr.run(t, d, ops)); err != nil {
					t.Errorf("%v: %s with 1 thread and %s with %d: %v", tr, base.ISA(), isa, threads, err)
				}
			}
		}
	}
	if !has(AVX512) {
		t.Log("SKIPPED in part: this machine has no AVX-512; asmgen's tests interpret its kernels")
	}
}

// TestEveryOperation: the table and the trials cover the same operations.
func TestEveryOperation(t *testing.T) {
	d := open(t, Options{Threads: 1})
	table := d.table()
	for _, tr := range allTrials() {
		delete(table, tr.op.Name())
	}
	for name := range table {
		t.Errorf("no trial for %s", name)
	}
}

// TestNoAllocation: running allocates nothing.
func TestNoAllocation(t *testing.T) {
	d := open(t, Options{Threads: 2})
	for i, tr := range allTrials() {
		e := tr.load(t, d, operandsFor(tr, uint64(i)))
		n := testing.AllocsPerRun(2, func() {
			if err := e.Run(); err != nil {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%v allocates %v times", tr, n)
		}
	}
}

func TestOptions(t *testing.T) {
	if _, err := New(Options{ISA: "sse"}); err == nil {
		t.Error("an unknown instruction set was accepted")
	}
	if _, err := New(Options{Threads: -1}); err == nil {
		t.Error("-1 threads were accepted")
	}
	if _, err := New(Options{ISA: AVX512}); (err == nil) != has(AVX512) {
		t.Errorf("AVX-512 forced: %v", err)
	}
	if got := open(t, Options{ISA: Portable}).Class(); got != "cpu-portable-1" {
		t.Errorf("class of plain Go is %s", got)
	}
	if has(AVX2) {
		if got := open(t, Options{}).Class(); got != "cpu-2" {
			t.Errorf("class is %s", got)
		}
	}
}
