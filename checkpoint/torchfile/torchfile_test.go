package torchfile

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func read(t testing.TB, data []byte) map[string]safetensors.Tensor {
	t.Helper()
	c, err := Read(data)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]safetensors.Tensor{}
	for _, x := range c.Tensors {
		out[x.Name] = x
	}
	return out
}

// Both layouts as torch.save of PyTorch 2.11 writes them: a row-major tensor, a
// transposed view, a part of a storage, and every width of number.
func TestReadsWhatPyTorchWrites(t *testing.T) {
	for _, name := range []string{"dict.pth", "older.pth"} {
		t.Run(name, func(t *testing.T) {
			got := read(t, fixture(t, name))
			if len(got) != 7 {
				t.Fatalf("%d tensors, want 7", len(got))
			}
			floats := func(name string, shape []int, want func(i int) float32) {
				x := got[name]
				v, err := x.Float32s()
				if err != nil || !slices.Equal(x.Shape, shape) {
					t.Fatalf("%s: %v %v, want %v", name, x.Shape, err, shape)
				}
				for i, g := range v {
					if g != want(i) {
						t.Errorf("%s[%d] = %v, want %v", name, i, g, want(i))
					}
				}
			}
			floats("b.weight", []int{2, 3, 4}, func(i int) float32 { return float32(i) / 8 })
			floats("a.transposed", []int{4, 2, 3}, func(i int) float32 { return float32(i%6*4+i/6) / 8 })
			floats("c.part", []int{2, 4}, func(i int) float32 { return float32(i+16) / 8 })
			if x := got["h.half"]; x.DType != safetensors.F16 || !bytes.Equal(x.Data, []byte{0, 0x38, 0, 0xc0, 0xff, 0x7b}) {
				t.Errorf("half: %v % x", x.DType, x.Data)
			}
			if x := got["bf"]; x.DType != safetensors.BF16 || !bytes.Equal(x.Data, []byte{0x40, 0x40, 0x80, 0xbe}) {
				t.Errorf("bfloat16: %v % x", x.DType, x.Data)
			}
			if x := got["n.batches"]; x.DType != safetensors.I64 || len(x.Shape) != 0 || x.Data[0] != 7 {
				t.Errorf("scalar: %+v", x)
			}
			if v, err := got["s.double"].Reals(); err != nil || v[0] != 1.5 {
				t.Errorf("double: %v %v", v, err)
			}
		})
	}
}

// A training script's file: the state dict among other things.
func TestFindsTheStateDict(t *testing.T) {
	got := read(t, fixture(t, "training.pth"))
	if len(got) != 7 {
		t.Errorf("%d tensors, want 7", len(got))
	}
	if v, err := got["state_dict.0.weight"].Float32s(); err != nil || !slices.Equal(v, []float32{0.5, 0.5}) {
		t.Errorf("state_dict.0.weight: %v %v", v, err)
	}
}

// A whole module is a program: its classes are named and none is looked up.
func TestRefusesPrograms(t *testing.T) {
	_, err := Read(fixture(t, "module.pth"))
	if !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), "torch.nn") {
		t.Errorf("%v, want a data error that names the class", err)
	}
}

func sample() []safetensors.Tensor {
	return []safetensors.Tensor{
		safetensors.Float32("z", []int{2, 2}, []float32{1, float32(math.Inf(-1)), 3, math.Float32frombits(0x7fc00001)}),
		safetensors.Float32("a.weight", []int{}, []float32{-0.5}),
		safetensors.Float32("empty", []int{0, 3}, nil),
	}
}

func TestWriteThenRead(t *testing.T) {
	var out, again bytes.Buffer
	if err := errors.Join(Write(&out, sample()), Write(&again, sample())); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(out.Bytes(), again.Bytes()) {
		t.Error("two files of equal tensors differ")
	}
	got := read(t, out.Bytes())
	for _, want := range sample() {
		x, ok := got[want.Name]
		if !ok || !slices.Equal(x.Shape, want.Shape) || !bytes.Equal(x.Data, want.Data) {
			t.Errorf("%s: %+v, want %+v", want.Name, x, want)
		}
	}
	for _, x := range got {
		if at := bytes.Index(out.Bytes(), x.Data); len(x.Data) > 4 && at%alignment != 0 {
			t.Errorf("%s lies at byte %d", x.Name, at)
		}
	}
}

func TestWriteRefusesOtherNumbers(t *testing.T) {
	if err := Write(&bytes.Buffer{}, []safetensors.Tensor{safetensors.Int32("n", []int{1}, []int32{1})}); err == nil {
		t.Error("integers were written")
	}
}

// Every cut and many flips of a file are an error or tensors, never a panic.
func TestDamage(t *testing.T) {
	for _, name := range []string{"dict.pth", "older.pth", "beside-older.pth"} {
		whole := fixture(t, name)
		for n := range len(whole) {
			if _, err := Read(whole[:n]); err == nil {
				t.Errorf("%s cut to %d bytes was read", name, n)
			} else if !errors.Is(err, fault.ErrData) {
				t.Fatalf("%s cut to %d bytes: %v is no data error", name, n, err)
			}
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, name := range []string{"dict.pth", "older.pth", "training.pth", "module.pth", "beside.pth", "beside-4.pth", "beside-older.pth"} {
		f.Add(fixture(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Read(data)
		if err != nil {
			if !errors.Is(err, fault.ErrData) {
				t.Fatalf("%v is no data error", err)
			}
			return
		}
		for _, x := range c.Tensors {
			n := x.DType.Size()
			for _, d := range x.Shape {
				n *= d
			}
			if n != len(x.Data) {
				t.Fatalf("%s%v has %d bytes", x.DType, x.Shape, len(x.Data))
			}
		}
	})
}

// The pickle alone, so that the fuzzer need not find CRCs.
func FuzzPickle(f *testing.F) {
	f.Add(pickleOf(sample()))
	f.Add([]byte("\x80\x02]q\x00(h\x00K\x01\x85e."))
	f.Fuzz(func(t *testing.T, data []byte) {
		top, _, err := unpickle(bytes.NewReader(data))
		if err != nil {
			return
		}
		numbers := map[string][]byte{"0": make([]byte, 64), "1": make([]byte, 4)}
		if c, err := collect(top, numbers, 1<<10); err == nil && len(c.Tensors) == 0 {
			t.Fatal("contents without a tensor")
		}
	})
}
