//go:build gpu

package cuda_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"gorgonia.org/cu"

	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/cuda"
	"g2c/kernels/cuda/driver"
	"g2c/kernels/emu/control"
	"g2c/kernels/emu/emutest"
	"g2c/kernels/kernelstest"
)

// The tests run on the emulated driver, with checked kernels, or, with G2C_TEST_GPU=1,
// on the first GPU of the machine.
func TestMain(m *testing.M) {
	files, err := filepath.Glob("src/*.cu")
	if err != nil {
		panic(err)
	}
	emutest.Main(m, files, true, "EMU_DEVICES=2")
}

func open(t testing.TB) kernels.Device {
	t.Helper()
	d, err := cuda.Open(0, cuda.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestContracts holds every operation to its contract, and to the same bits on two
// devices, with threads and blocks in every order; bf16, to save time, in one.
func TestContracts(t *testing.T) {
	keep := func(op kernels.Op, in []kernels.Type) bool { return !isHalfConvolution(op, in) }
	inOrder(t, "forward", control.Forward, true, func(t *testing.T, emulated bool) {
		kernelstest.Run(t, open, kernelstest.Options{Same: []kernelstest.Open{open}, Half: !emulated, Keep: keep})
	})
	inOrder(t, "random", control.Random, false, func(t *testing.T, _ bool) {
		kernelstest.Run(t, open, kernelstest.Options{Same: []kernelstest.Open{open}, Half: true, Keep: keep})
	})
}

// inOrder runs tests with threads and blocks in an order, and expects the emulator to
// report nothing. A card has no order to choose: tests run there if onCard says so.
func inOrder(t *testing.T, name string, o control.Order, onCard bool, f func(t *testing.T, emulated bool)) {
	t.Run(name, func(t *testing.T) {
		emulated := control.SetOrder(o)
		if !emulated && !onCard {
			t.Skip("SKIPPED: a card has no order to choose")
		}
		defer control.SetOrder(control.Forward)
		control.Forget()
		t.Run("all", func(t *testing.T) { f(t, emulated) })
		if msg := control.LastError(); msg != "" {
			t.Error(msg)
		}
	})
}

// faultsOnDemand skips a test that needs them: a card has none to offer.
func faultsOnDemand(t *testing.T) {
	t.Helper()
	if emutest.Folder() == "" {
		t.Skip("SKIPPED: faults are asked of the emulated driver alone")
	}
}

// What does not fit is said with its size; the device goes on.
func TestOutOfMemory(t *testing.T) {
	faultsOnDemand(t)
	d := open(t)
	defer d.Close()
	control.SetFaults("alloc:1")
	defer control.SetFaults("")
	spec, err := kernels.NewStateSpec(kernels.Group{Name: "weights", Slots: []kernels.Slot{{Name: "w", Type: kernels.Real(1 << 20)}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.NewState(spec)
	if err == nil || !strings.Contains(err.Error(), "slots of weights: 4 MiB are needed") || !errors.Is(err, fault.ErrUnavailable) {
		t.Fatalf("no room: %v", err)
	}
	s, err := d.NewState(spec)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// An error that the context does not survive stays with the device, and with no other.
func TestPoison(t *testing.T) {
	faultsOnDemand(t)
	other := open(t)
	defer other.Close()
	t.Run("graphs", func(t *testing.T) { poison(t, open(t), other, "is lost to this process") })
	named, err := cuda.Open(0, cuda.Options{Sync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Run("sync", func(t *testing.T) { poison(t, named, other, "= copy(") })
}

// What a context does not survive is told from what it does, as cu says it and as we do.
func TestIsPoison(t *testing.T) {
	for err, want := range map[error]bool{
		cu.MisalignedAddress: true, cu.EccUncorrectable: true, driver.Error(cu.IllegalInstruction): true, driver.LaunchFailed: true, driver.Unavailable: true,
		cu.OutOfMemory: false, driver.OutOfMemory: false, cu.InvalidValue: false, driver.Unjoined: false, errors.New("else"): false,
	} {
		if got := cuda.IsPoison(fmt.Errorf("call: %w", err)); got != want {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// A tensor that kernels cannot count is refused, before memory is asked for.
func TestTooManyElements(t *testing.T) {
	d := open(t)
	defer d.Close()
	big := kernels.Real(1 << 31)
	spec, err := kernels.NewStateSpec(kernels.Group{Name: "g", Slots: []kernels.Slot{{Name: "x", Type: big}}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.(kernels.Planner).Room(spec, &kernels.Program{
		Name: "big", Values: []kernels.Value{{Type: big, Slot: "x"}, {Type: big}},
		Instrs: []kernels.Instr{{Op: kernels.Add{}, In: []int{0, 0}, Out: []int{1}}}, Segments: []kernels.Segment{{Name: "all", To: 1}},
	})
	if err == nil || !strings.Contains(err.Error(), "has 2147483648 elements") {
		t.Errorf("2^31 elements: %v", err)
	}
}

// poison has a kernel of d fail, and expects its error again and again.
func poison(t *testing.T, d, other kernels.Device, says string) {
	t.Helper()
	spec, err := kernels.NewStateSpec(kernels.Group{Name: "g", Slots: []kernels.Slot{{Name: "x", Type: kernels.Real(8)}, {Name: "y", Type: kernels.Real(8)}}})
	if err != nil {
		t.Fatal(err)
	}
	p := &kernels.Program{
		Name: "copy", Values: []kernels.Value{{Type: kernels.Real(8), Slot: "x"}, {Type: kernels.Real(8), Slot: "y"}},
		Instrs: []kernels.Instr{{Op: kernels.Copy{}, In: []int{0}, Out: []int{1}}}, Segments: []kernels.Segment{{Name: "all", To: 1}},
	}
	run := func(d kernels.Device) error {
		s, err := d.NewState(spec)
		if err != nil {
			return err
		}
		e, err := d.Load(p, s)
		if err != nil {
			return err
		}
		if err := e.Run(); err != nil {
			return err
		}
		return s.GetF32("y", make([]float32, 8))
	}
	if err := run(d); err != nil {
		t.Fatal(err)
	}
	control.SetFaults("sticky:1")
	for range 2 {
		if err := run(d); err == nil || !strings.Contains(err.Error(), "is lost to this process") || !strings.Contains(err.Error(), says) {
			t.Errorf("a poisoned device: %v", err)
		}
	}
	if err := run(other); err != nil {
		t.Errorf("another device: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}
