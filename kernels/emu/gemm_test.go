//go:build gpu

package emu_test

import (
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gorgonia.org/cu"

	"g2c/kernels/cuda/driver"
	"g2c/kernels/emu"
	"g2c/kernels/emu/control"
	"g2c/kernels/emu/emutest"
)

func toBF16(v []float32) []uint16 {
	h := make([]uint16, len(v))
	for i, f := range v {
		u := math.Float32bits(f)
		h[i] = uint16((u + 0x7fff + (u >> 16 & 1)) >> 16)
	}
	return h
}

func fromBF16(h uint16) float64 { return float64(math.Float32frombits(uint32(h) << 16)) }

// product is what a GEMM has to give: exact products, added in float64.
func product(a, b []uint16, m, n, k int) []float64 {
	c := make([]float64, m*n)
	for i := range m {
		for j := range n {
			for l := range k {
				c[i*n+j] += fromBF16(a[i*k+l]) * fromBF16(b[j*k+l])
			}
		}
	}
	return c
}

func near(t *testing.T, got []float32, want []float64) {
	t.Helper()
	const tolerance = 2e-5 // 256 roundings of sums under 8
	for i, w := range want {
		if !(math.Abs(float64(got[i])-w) <= tolerance) {
			t.Fatalf("element %d is %v, want %v", i, got[i], w)
		}
	}
}

// gemm puts one product of bf16 matrices on the rig's stream; sizes that are no
// multiple of a tile too.
func (r *rig) gemm(a, b []uint16, m, n, k int) cu.DevicePtr {
	r.t.Helper()
	c, err := cu.MemAlloc(int64(4 * m * n))
	check(r.t, err)
	f := r.function("gemm")
	const shared = 2 * 2 * 64 * 32 * 2
	args := new(driver.Arguments).Pointer(upload(r.t, a)).Pointer(upload(r.t, b)).Pointer(c).Int(m).Int(n).Int(k)
	check(r.t, driver.Launch(f, driver.Grid{Blocks: [3]int{(n + 63) / 64, (m + 63) / 64, 1}, Threads: [3]int{128, 1, 1}, Shared: shared}, r.stream, args))
	return c
}

func TestGEMM(t *testing.T) {
	orders(t, func(t *testing.T) {
		for _, s := range [][3]int{{64, 64, 32}, {100, 72, 96}} {
			r := open(t)
			m, n, k := s[0], s[1], s[2]
			a, b := toBF16(reals(4, m*k)), toBF16(reals(5, n*k))
			c := r.gemm(a, b, m, n, k)
			r.wait()
			near(t, download[float32](t, c, m*n), product(a, b, m, n, k))
		}
	})
}

// hopperGEMM puts a product on the rig's stream; sizes are multiples of 64.
func (r *rig) hopperGEMM(a, b []uint16, m, n, k int) cu.DevicePtr {
	r.t.Helper()
	ma, err := driver.Matrix(upload(r.t, a), m, k, 64, 64, driver.Swizzle128)
	check(r.t, err)
	mb, err := driver.Matrix(upload(r.t, b), n, k, 64, 64, driver.Swizzle128)
	check(r.t, err)
	c, err := cu.MemAlloc(int64(4 * m * n))
	check(r.t, err)
	f := r.function("gemm_hopper")
	const shared = 4 * 2 * 64 * 64 * 2
	g := driver.Grid{Blocks: [3]int{n / 64, m / 64, 1}, Threads: [3]int{160, 1, 1}, Shared: shared}
	args := new(driver.Arguments).Map(ma).Map(mb).Pointer(c).Int(n).Int(k)
	if err := driver.Launch(f, g, r.stream, args); err == nil {
		r.t.Fatal("more than 48 KiB of shared memory are given without asking")
	}
	check(r.t, driver.SetDynamicShared(f, shared))
	check(r.t, driver.Launch(f, g, r.stream, args))
	return c
}

func TestHopperGEMM(t *testing.T) {
	orders(t, func(t *testing.T) {
		r := open(t)
		const m, n, k = 64, 128, 384
		a, b := toBF16(reals(6, m*k)), toBF16(reals(7, n*k))
		c := r.hopperGEMM(a, b, m, n, k)
		if err := r.stream.Synchronize(); err != nil {
			t.Fatalf("%v: %s", err, control.LastError())
		}
		near(t, download[float32](t, c, m*n), product(a, b, m, n, k))
	})
}

// A barrier or a wait that is left out is found in every order of threads, whatever
// the numbers would have been.
func TestPlantedFaults(t *testing.T) {
	dir := emutest.Folder()
	for _, c := range []struct{ kernel, define, says string }{
		{"gemm", "PLANT_NO_BARRIER", "shared memory"},
		{"gemm", "PLANT_NO_WAIT", "shared memory"},
		{"gemm_hopper", "PLANT_NO_WAIT", "shared memory"},
	} {
		out := filepath.Join(dir, c.define+".so")
		if _, err := os.Stat(out); err != nil {
			check(t, emu.Kernels(emutest.Tools(), dir, out, []string{"testdata/good.cu"}, true, c.define))
		}
		broken, err := os.ReadFile(out)
		check(t, err)
		t.Run(c.kernel+"/"+c.define, func(t *testing.T) {
			orders(t, func(t *testing.T) {
				r := open(t)
				r.module, err = cu.LoadData(string(broken))
				check(t, err)
				a, b := toBF16(reals(8, 64*384)), toBF16(reals(9, 64*384))
				run := r.gemm
				if c.kernel == "gemm_hopper" {
					run = r.hopperGEMM
				}
				run(a, b, 64, 64, 384)
				if err := r.stream.Synchronize(); err == nil {
					t.Fatal("it passes")
				}
				if report := control.LastError(); !strings.Contains(report, c.says) || !strings.Contains(report, c.kernel+": ") || !strings.Contains(report, "good.cu:") {
					t.Errorf("report: %s", report)
				}
			})
		})
	}
}

// A graph does what was captured, again, with what memory holds then; a node that
// waits for nothing may come at any time.
func TestCaptureAndReplay(t *testing.T) {
	r := open(t)
	const n = 256
	x := make([]int32, n)
	for i := range x {
		x[i] = int32(i)
	}
	in := upload(t, x)
	half, err := cu.MemAlloc(4)
	check(t, err)
	r.launch("block_sum", driver.Grid{Blocks: [3]int{1, 1, 1}, Threads: [3]int{n, 1, 1}}, new(driver.Arguments).Pointer(in).Pointer(half))
	r.wait()
	other, err := cu.MakeStream(cu.NonBlocking)
	check(t, err)
	forked, err := cu.MakeEvent(cu.DefaultEvent)
	check(t, err)
	joined, err := cu.MakeEvent(cu.DefaultEvent)
	check(t, err)
	// in -> sum on one stream; a copy of in on another, which only waits if the event says so.
	capture := func(join bool) (driver.Graph, error) {
		check(t, driver.BeginCapture(r.stream))
		if err := r.stream.Synchronize(); err == nil {
			t.Fatal("a stream that captures can be waited for")
		}
		r.launch("block_sum", driver.Grid{Blocks: [3]int{1, 1, 1}, Threads: [3]int{n, 1, 1}}, new(driver.Arguments).Pointer(in).Pointer(half))
		check(t, forked.Record(r.stream))
		check(t, other.Wait(forked, 0))
		check(t, driver.Launch(r.function("block_sum"), driver.Grid{Blocks: [3]int{1, 1, 1}, Threads: [3]int{n, 1, 1}}, other, new(driver.Arguments).Pointer(in).Pointer(in)))
		if join {
			check(t, joined.Record(other))
			check(t, r.stream.Wait(joined, 0))
		}
		return driver.EndCapture(r.stream)
	}
	if _, err := capture(false); err == nil {
		t.Fatal("a stream that never joined is no error")
	}
	g, err := capture(true)
	check(t, err)
	if got := download[int32](t, in, 1)[0]; got != 0 {
		t.Fatalf("capture did the work: in[0] = %d", got)
	}
	// Each replay adds in[0], which was 0 at first and then the last sum.
	const sum = n * (n - 1) / 2
	for replay := range 3 {
		control.SetOrder(control.Order(replay))
		check(t, g.Launch(r.stream))
		r.wait()
		if got, want := download[int32](t, half, 1)[0], int32(sum*(replay+1)); got != want {
			t.Fatalf("replay %d gives %d, want %d", replay, got, want)
		}
	}
	check(t, g.Destroy())
}

// Faults strike once, where they were asked for; what is sticky ends the context.
func TestFaultsOnDemand(t *testing.T) {
	r := open(t)
	control.SetFaults("alloc:2,launch:2")
	_, err := cu.MemAlloc(16)
	check(t, err)
	if _, err := cu.MemAlloc(16); err == nil {
		t.Fatal("the second allocation succeeds")
	}
	in, out := upload(t, make([]int32, 256)), upload(t, make([]int32, 1))
	args := new(driver.Arguments).Pointer(in).Pointer(out)
	r.launch("block_sum", line(256), args)
	if err := driver.Launch(r.function("block_sum"), line(256), r.stream, args); err == nil {
		t.Fatal("the second launch succeeds")
	}
	r.launch("block_sum", line(256), args)
	r.wait()
	control.SetFaults("sticky:1")
	r.launch("block_sum", line(256), args)
	if err := r.stream.Synchronize(); err == nil {
		t.Fatal("a kernel that fails is not heard of")
	}
	if _, err := cu.MemAlloc(16); err == nil {
		t.Fatal("the context goes on")
	}

	lost := openOn(t, 1) // another device is untouched, until it is lost
	control.SetFaults("lost:1")
	if err := driver.Launch(lost.function("block_sum"), line(256), lost.stream, args); err == nil {
		t.Fatal("a lost device launches")
	}
}

// Copies and kernels wait until somebody waits for them, and pinned memory is read
// only then.
func TestWorkIsLate(t *testing.T) {
	r := open(t)
	host, err := driver.Pinned(4)
	check(t, err)
	*(*int32)(host) = 1
	p, err := cu.MemAlloc(4)
	check(t, err)
	check(t, cu.MemcpyHtoDAsync(p, host, 4, r.stream))
	*(*int32)(host) = 2 // too early: the copy has not been waited for
	r.wait()
	if got := download[int32](t, p, 1)[0]; got != 2 {
		t.Fatalf("the copy took %d: it was done before it was waited for", got)
	}
	check(t, driver.FreePinned(host))
}
