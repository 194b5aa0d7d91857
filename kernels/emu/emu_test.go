//go:build gpu

package emu_test

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
	"unsafe"

	"gorgonia.org/cu"

	"g2c/internal/philox"
	"g2c/kernels/cuda/driver"
	"g2c/kernels/emu"
	"g2c/kernels/emu/control"
	"g2c/kernels/emu/emutest"
)

func TestMain(m *testing.M) {
	emutest.Main(m, []string{"testdata/good.cu", "testdata/bad.cu"}, true, "EMU_DEVICES=2")
}

// rig is a context on an emulated device, with the module of the test kernels.
type rig struct {
	t      *testing.T
	module cu.Module
	stream cu.Stream
}

// image stands for a fat binary: the emulator takes the kernels from the shared
// object instead.
const image = "not an ELF file, and long enough to be looked at as if it were one......."

func open(t *testing.T) *rig { return openOn(t, 0) }

func openOn(t *testing.T, device int) *rig {
	t.Helper()
	runtime.LockOSThread()
	t.Cleanup(runtime.UnlockOSThread)
	d, err := cu.GetDevice(device)
	check(t, err)
	c, err := d.MakeContext(cu.SchedAuto)
	check(t, err)
	check(t, c.Lock())
	t.Cleanup(func() {
		_ = c.Unlock()
		control.SetOrder(control.Forward)
		control.SetFaults("")
	})
	r := &rig{t: t}
	r.module, err = cu.LoadData(image)
	check(t, err)
	r.stream, err = cu.MakeStream(cu.NonBlocking)
	check(t, err)
	return r
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (r *rig) function(name string) cu.Function {
	r.t.Helper()
	f, err := r.module.Function(name)
	check(r.t, err)
	return f
}

func upload[T any](t *testing.T, v []T) cu.DevicePtr {
	t.Helper()
	n := int64(len(v)) * int64(unsafe.Sizeof(v[0]))
	p, err := cu.MemAlloc(n)
	check(t, err)
	check(t, cu.MemcpyHtoD(p, unsafe.Pointer(&v[0]), n))
	return p
}

func download[T any](t *testing.T, p cu.DevicePtr, n int) []T {
	t.Helper()
	v := make([]T, n)
	check(t, cu.MemcpyDtoH(unsafe.Pointer(&v[0]), p, int64(n)*int64(unsafe.Sizeof(v[0]))))
	return v
}

func (r *rig) launch(name string, g driver.Grid, a *driver.Arguments) {
	r.t.Helper()
	check(r.t, driver.Launch(r.function(name), g, r.stream, a))
}

func (r *rig) wait() {
	r.t.Helper()
	check(r.t, r.stream.Synchronize())
}

// reals are numbers in (-1/2, 1/2).
func reals(seed uint32, n int) []float32 {
	v := make([]float32, n)
	for i := range v {
		v[i] = philox.Uniform(philox.Words(seed, philox.Weights, [4]uint32{uint32(i)})[0]) - 0.5
	}
	return v
}

func line(n int) driver.Grid { return driver.Grid{Blocks: [3]int{1, 1, 1}, Threads: [3]int{n, 1, 1}} }

// orders runs a test in every order of threads.
func orders(t *testing.T, f func(t *testing.T)) {
	for name, o := range map[string]control.Order{"forward": control.Forward, "reverse": control.Reverse, "random": control.Random} {
		t.Run(name, func(t *testing.T) {
			if !control.SetOrder(o) {
				t.Fatal("this is not the emulated driver")
			}
			f(t)
		})
	}
}

func TestScaledAdd(t *testing.T) {
	orders(t, func(t *testing.T) {
		r := open(t)
		const n = 4099 // not whole vectors
		a, b := reals(1, n), reals(2, n)
		c, err := cu.MemAlloc(4 * n)
		check(t, err)
		args := new(driver.Arguments).Pointer(upload(t, a)).Pointer(upload(t, b)).Pointer(c).Int(n).Float(2)
		r.launch("scaled_add", driver.Grid{Blocks: [3]int{(n + 1023) / 1024, 1, 1}, Threads: [3]int{256, 1, 1}}, args)
		r.wait()
		for i, got := range download[float32](t, c, n) {
			if want := a[i] + 2*b[i]; got != want {
				t.Fatalf("element %d is %v, want %v", i, got, want)
			}
		}
	})
}

func TestBlockSum(t *testing.T) {
	orders(t, func(t *testing.T) {
		r := open(t)
		const blocks = 5
		x := make([]int32, 256*blocks)
		want := make([]int32, blocks)
		for i := range x {
			x[i] = int32(philox.Below(philox.Words(3, philox.Weights, [4]uint32{uint32(i)})[0], 1000))
			want[i/256] += x[i]
		}
		out, err := cu.MemAlloc(4 * blocks)
		check(t, err)
		r.launch("block_sum", driver.Grid{Blocks: [3]int{blocks, 1, 1}, Threads: [3]int{256, 1, 1}}, new(driver.Arguments).Pointer(upload(t, x)).Pointer(out))
		r.wait()
		if got := download[int32](t, out, blocks); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("sums %v, want %v", got, want)
		}
	})
}

// refused runs a kernel that must be refused, and gives the report.
func refused(t *testing.T, name string, g driver.Grid, a *driver.Arguments, r *rig) string {
	t.Helper()
	r.launch(name, g, a)
	if err := r.stream.Synchronize(); err == nil {
		t.Fatalf("%s passes", name)
	}
	if err := cu.Synchronize(); err == nil {
		t.Errorf("%s: the context goes on after the error", name)
	}
	return control.LastError()
}

// Each fault is named, with kernel, thread and line, in every order of threads.
func TestFaultsAreNamed(t *testing.T) {
	lines := markedLines(t)
	for _, c := range []struct {
		kernel  string
		threads int
		shared  int
		says    []string
	}{
		{"diverges", 32, 0, []string{"divergent warp", "__syncwarp", "__shfl_xor_sync", "bad.cu:"}},
		{"deadlocks", 32, 0, []string{"block (0,0,0): no thread can go on", "threads 1,3,5,", "wait at __syncwarp", "bad.cu:"}},
		{"writes_outside", 64, 0, []string{"thread (33,0,0)", "writes device memory that is not allocated", lines["writes_outside"]}},
		{"writes_far_outside", 64, 0, []string{"thread (33,0,0)", lines["writes_far_outside"]}},
		{"reads_unwritten", 64, 0, []string{"reads device memory that nobody wrote", lines["reads_unwritten"]}},
		{"reads_unwritten_shared", 64, 0, []string{"thread (63,0,0)", "reads shared memory that nobody wrote", "bad.cu:"}},
		{"races", 64, 0, []string{"shared memory", "bad.cu:"}},
		{"races_on_reuse", 64, 0, []string{"in a race with", "bad.cu:"}},
		{"overruns_shared", 64, 128, []string{"past the launch's", "bad.cu:"}},
		{"never_waits", 32, 1024, []string{"cp.async that nobody waited for"}},
	} {
		t.Run(c.kernel, func(t *testing.T) {
			orders(t, func(t *testing.T) {
				r := open(t)
				const n = 64
				out, err := cu.MemAlloc(4 * n)
				check(t, err)
				a := new(driver.Arguments)
				switch c.kernel {
				case "reads_unwritten":
					never, err := cu.MemAlloc(4 * n)
					check(t, err)
					a.Pointer(never).Pointer(out)
				case "never_waits":
					a.Pointer(upload(t, make([]float32, n))).Pointer(out)
				case "writes_outside":
					a.Pointer(out).Int(n)
				case "deadlocks":
					a.Pointer(upload(t, make([]float32, n)))
				default:
					a.Pointer(out)
				}
				g := line(c.threads)
				g.Shared = c.shared
				report := refused(t, c.kernel, g, a, r)
				for _, want := range append(c.says, c.kernel+": ") {
					if !strings.Contains(report, want) {
						t.Errorf("report lacks %q:\n%s", want, report)
					}
				}
			})
		})
	}
}

// markedLines finds kernels of one line, as "bad.cu:12".
func markedLines(t *testing.T) map[string]string {
	t.Helper()
	text, err := os.ReadFile("testdata/bad.cu")
	check(t, err)
	lines := map[string]string{}
	for i, l := range strings.Split(string(text), "\n") {
		for _, name := range emu.KernelNames([]byte(l)) {
			lines[name] = fmt.Sprintf("bad.cu:%d", i+1)
		}
	}
	return lines
}
