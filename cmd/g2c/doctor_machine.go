package main

import (
	"fmt"
	"math"
	"os"
	"runtime"
	"strings"
	"syscall"

	xcpu "golang.org/x/sys/cpu"

	"g2c/internal/memlimit"
	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/kernels/ref"
	"g2c/model/cyclegan"
	"g2c/model/graph"
	"g2c/model/nn"
)

const gib = 1 << 30

// checkFeatures lists the instruction sets that kernels are built for.
func checkFeatures() finding {
	var has, lacks []string
	for _, f := range []struct {
		name string
		on   bool
	}{{"AVX2", xcpu.X86.HasAVX2}, {"FMA", xcpu.X86.HasFMA}, {"AVX-512", xcpu.X86.HasAVX512F && xcpu.X86.HasAVX512VL}} {
		if f.on {
			has = append(has, f.name)
		} else {
			lacks = append(lacks, "no "+f.name)
		}
	}
	f := finding{Check: "processor", Verdict: passes, Found: fmt.Sprintf("%s, %d threads, %s", runtime.GOARCH, runtime.GOMAXPROCS(0), strings.Join(append(has, lacks...), ", "))}
	if !xcpu.X86.HasAVX2 || !xcpu.X86.HasFMA {
		f.Verdict, f.Do = warns, "without AVX2 and FMA the portable kernels run, many times slower, with bits of their own class"
	}
	return f
}

// checkCPU opens the CPU backend and holds it to the reference.
func checkCPU() []finding {
	d, err := cpu.New(cpu.Options{ISA: cpu.ISA(os.Getenv(isaVariable))})
	if err != nil {
		return []finding{{"cpu", fails, err.Error(), "unset " + isaVariable + ", or set it to an instruction set that this machine has"}}
	}
	defer d.Close()
	all := []finding{{Check: "cpu", Verdict: passes, Found: fmt.Sprintf("class %s, kernels for %s, %d threads", d.Class(), d.ISA(), d.Threads())}}
	far, err := selfCheck(d)
	switch {
	case err != nil:
		return append(all, finding{"self-check", fails, err.Error(), "report this with the output of `g2c doctor --json`"})
	case !(far <= selfTolerance):
		return append(all, finding{"self-check", fails, fmt.Sprintf("a generator's image is %.2g away from the reference, %.2g is allowed", far, selfTolerance), "the memory or the processor may be damaged: test them, and report this"})
	}
	return append(all, finding{Check: "self-check", Verdict: passes, Found: fmt.Sprintf("a generator's image is within %.1g of the reference", far)})
}

// selfTolerance is how far a pixel of [0,1] may lie from the reference's after the
// dozen layers of the smallest generator.
const selfTolerance = 1e-4

// selfCheck runs the smallest generator (convolutions of both kinds, instance
// norms, activations) on a drawn image with drawn weights, on two devices, and
// gives the largest difference of a pixel.
func selfCheck(d kernels.Device) (float64, error) {
	m, err := cyclegan.NewTranslator(cyclegan.TranslatorConfig{Size: 64, Batch: 1, Generator: nn.GeneratorConfig{Width: 4, Blocks: 1}})
	if err != nil {
		return 0, err
	}
	reference := ref.New()
	defer reference.Close()
	got, err := runOnce(d, m)
	if err != nil {
		return 0, err
	}
	want, err := runOnce(reference, m)
	if err != nil {
		return 0, err
	}
	far := 0.0
	for i := range got {
		if diff := math.Abs(got[i] - want[i]); !(diff <= far) { // so that NaN stays
			far = diff
		}
	}
	return far, nil
}

func runOnce(d kernels.Device, m *cyclegan.Translator) ([]float64, error) {
	state, err := d.NewState(m.State)
	if err != nil {
		return nil, err
	}
	defer state.Close()
	for _, p := range m.Catalog.Params {
		w := make([]float64, p.Shape.Len())
		for i := range w {
			w[i] = float64(i*37%101-50) / 1000 // small, of both signs, without a period of the layout
		}
		if err := state.PutF64(p.Name, w); err != nil {
			return nil, err
		}
	}
	pixels := make([]uint8, m.Config.Size*m.Config.Size*3)
	for i := range pixels {
		pixels[i] = uint8(i * i >> 7)
	}
	if err := state.PutU8(cyclegan.PixelsA, pixels); err != nil {
		return nil, err
	}
	if err := state.PutF32(graph.Seed, []float32{1}); err != nil {
		return nil, err
	}
	for _, p := range []*kernels.Program{m.Input, m.Translate} {
		e, err := d.Load(p, state)
		if err != nil {
			return nil, err
		}
		if err := e.Run(); err != nil {
			return nil, err
		}
		if err := e.Close(); err != nil {
			return nil, err
		}
	}
	out := make([]float64, len(pixels))
	return out, state.GetF64(cyclegan.FakeB, out)
}

// leastMemory is what the quick start needs with room to spare.
const leastMemory = gib

// memoryBytes is what the machine has.
func memoryBytes() (uint64, error) {
	var info syscall.Sysinfo_t
	err := syscall.Sysinfo(&info)
	return uint64(info.Totalram) * uint64(info.Unit), err
}

// memory is what the machine has, for people: the same whenever it is asked for.
func memory() string {
	total, err := memoryBytes()
	if err != nil {
		return "memory not known: " + err.Error()
	}
	return fmt.Sprintf("%.1f GiB", float64(total)/gib)
}

func checkMemory() finding {
	total, err := memoryBytes()
	f := finding{Check: "memory", Verdict: passes, Found: memory()}
	if err != nil {
		f.Verdict = warns
		return f
	}
	if left, known := memlimit.Now(); known {
		f.Found += fmt.Sprintf(", of which a task can take %.1f: what %s has free", float64(left.Bytes)/gib, left.Of)
		total = min(total, uint64(left.Bytes))
	}
	if total < leastMemory {
		f.Verdict, f.Do = warns, "the paper's sizes need several GiB: take a smaller width, size or batch"
	}
	return f
}

// freeBytes is the room on the file system of a directory.
func freeBytes(dir string) (uint64, bool) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, false
	}
	return s.Bavail * uint64(s.Bsize), true
}
