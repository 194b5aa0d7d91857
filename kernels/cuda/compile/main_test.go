package main

import (
	"reflect"
	"strings"
	"testing"

	"g2c/kernels/cuda/tiles"
)

const report = `ptxas info    : 0 bytes gmem
ptxas info    : Compiling entry function 'b' for 'sm_80'
ptxas info    : Function properties for b
    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
ptxas info    : Used 64 registers, used 1 barriers, 17920 bytes smem, 436 bytes cmem[0]
ptxas info    : Compiling entry function 'a' for 'sm_90a'
ptxas info    : Function properties for a
    48 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads
ptxas info    : Used 16 registers, used 0 barriers, 376 bytes cmem[0]
ptxas info    : Function properties for helper
    8 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads
`

func TestParse(t *testing.T) {
	all, err := parse([]byte(report))
	if err != nil {
		t.Fatal(err)
	}
	want := []usage{
		{kernel: "a", target: "sm_90a", registers: 16, stack: 48, spilled: 12},
		{kernel: "b", target: "sm_80", registers: 64, shared: 17920},
	}
	want[0].called = []spill{{"helper", 0}}
	if !reflect.DeepEqual(all, want) {
		t.Fatalf("%+v", all)
	}
	if err := refuseSpills(all); err == nil || !strings.Contains(err.Error(), "a spills 12 bytes on sm_90a") {
		t.Errorf("spills: %v", err)
	}
	all[1].threads = 256
	if got := all[1].occupancy(); got != 0.5 { // four blocks of 256 threads by registers
		t.Errorf("occupancy %v, want 0.5", got)
	}
	all[1].dynamic = 64 << 10 // and now two by shared memory
	if got := all[1].occupancy(); got != 0.125 {
		t.Errorf("occupancy %v, want 0.125", got)
	}
	if _, err := parse([]byte("nothing")); err == nil {
		t.Error("a report without kernels passes")
	}
}

// A function that was not inlined may spill for the kernels that call it, wherever ptxas
// reports it.
func TestSpillsOfCalledFunctions(t *testing.T) {
	const spills = `    8 bytes stack frame, 16 bytes spill stores, 4 bytes spill loads
`
	whole := strings.Replace(report, "    48 bytes stack frame, 8 bytes spill stores, 4 bytes spill loads", "    0 bytes stack frame, 0 bytes spill stores, 0 bytes spill loads", 1)
	all, err := parse([]byte(whole))
	if err != nil {
		t.Fatal(err)
	}
	if err := refuseSpills(all); err != nil {
		t.Fatalf("nothing spills: %v", err)
	}
	for name, text := range map[string]string{
		"behind":   whole + "ptxas info    : Function properties for _Z5outerf\n" + spills,
		"in front": "ptxas info    : Function properties for _Z5outerf\n" + spills + whole,
	} {
		all, err := parse([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		if err := refuseSpills(all); err == nil || !strings.Contains(err.Error(), "_Z5outerf, which a kernel calls, spills 20 bytes") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

const ptx = `.visible .entry a(
	.param .u64 a_param_0,
	.param .align 4 .b8 a_param_1[52]
)
.maxntid 128, 1, 1
.minnctapersm 4
{
}
.visible .entry b(
	.param .u64 b_param_0
)
{
`

func TestBlockSizes(t *testing.T) {
	if got := blockSizes([]byte(ptx)); got["a"] != 128 || got["b"] != blockThreads || len(got) != 2 {
		t.Errorf("%v", got)
	}
}

// No pass of a layer is expected to beat its bound, or to be nothing.
func TestExpected(t *testing.T) {
	for _, l := range layers {
		ops, in := l.passes()
		for i, op := range ops {
			p, err := tiles.Of(op, in[i])
			if err != nil {
				t.Fatal(err)
			}
			out, err := op.Infer(in[i])
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range cards {
				work := op.Cost(in[i], out)
				share := c.bound(work) / c.expected(p, tiles.Choose(c.capability, p, ""), work)
				if !(share > 0 && share <= 1) {
					t.Errorf("%s of %s on %s: a share of %g", op.Name(), l.name, c.name, share)
				}
			}
		}
	}
}
