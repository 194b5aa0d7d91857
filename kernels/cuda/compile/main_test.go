package main

import (
	"strings"
	"testing"
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
	if len(all) != len(want) || all[0] != want[0] || all[1] != want[1] {
		t.Fatalf("%+v", all)
	}
	if err := refuseSpills(all); err == nil || !strings.Contains(err.Error(), "a spills 12 bytes on sm_90a") {
		t.Errorf("spills: %v", err)
	}
	if got := all[1].occupancy(); got != 0.5 { // four blocks of 256 threads by registers
		t.Errorf("occupancy %v, want 0.5", got)
	}
	if _, err := parse([]byte("nothing")); err == nil {
		t.Error("a report without kernels passes")
	}
}
