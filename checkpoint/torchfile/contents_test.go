package torchfile

import (
	"archive/zip"
	"bytes"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"

	"g2c/internal/fault"
)

// What a training script left: numpy scalars and arrays, a Namespace, a device, a dtype,
// a set, complex numbers, lists, and dicts in dicts; by protocols 2 and 4 and in the older
// layout.
func TestPassesOverWhatItDoesNotKnow(t *testing.T) {
	for _, name := range []string{"beside.pth", "beside-4.pth", "beside-older.pth"} {
		t.Run(name, func(t *testing.T) {
			c, err := Read(fixture(t, name))
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]float32{}
			for _, x := range c.Tensors {
				v, err := x.Float32s()
				if err != nil || len(v) != 2 || v[0] != v[1] {
					t.Fatalf("%s: %v %v", x.Name, v, err)
				}
				got[x.Name] = v[0]
			}
			want := map[string]float32{"nets.G.weight": 0.5, "nets.D.weight": -0.5, "more.0.weight": 0.25, "more.1.1.weight": 0.125}
			if !maps.Equal(got, want) {
				t.Errorf("tensors %v, want %v", got, want)
			}
			classes := map[string]string{}
			for _, p := range c.Passed {
				classes[p.Name] = p.Class
			}
			for name, class := range map[string]string{"args": "argparse.Namespace", "best": "multiarray.scalar", "mean": "multiarray._reconstruct", "skipped": "ComplexFloatStorage"} {
				if !strings.HasSuffix(classes[name], class) {
					t.Errorf("%s was passed over as %q, want a %s", name, classes[name], class)
				}
			}
		})
	}
}

// pickled puts a pickle into a file of torch.save, with other records beside it.
func pickled(t *testing.T, program string, others ...string) []byte {
	t.Helper()
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	add := func(name, content string) {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	add("a/data.pkl", program)
	for _, name := range others {
		add(name, "12345678")
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// aTensor is the pickle of two float32 in storage "0".
const aTensor = "ctorch._utils\n_rebuild_tensor_v2\n((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuK\x02tQK\x00K\x02\x85K\x01\x85\x89}tR"

// A pickle that would run a program, were it run, is read for its tensors alone.
func TestRunsNothing(t *testing.T) {
	program := "\x80\x02}(X\x01\x00\x00\x00xcos\nsystem\nX\x05\x00\x00\x00false\x85RX\x01\x00\x00\x00w" + aTensor +
		"X\x01\x00\x00\x00ycmod\nC\n)\x81}X\x01\x00\x00\x00kK\x01sbX\x01\x00\x00\x00zcmod\nD\n)R(K\x01eu."
	c, err := Read(pickled(t, program, "a/data/0"))
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Tensors) != 1 || c.Tensors[0].Name != "w" || string(c.Tensors[0].Data) != "12345678" {
		t.Errorf("tensors %+v", c.Tensors)
	}
	if want := []Passed{{"x", "os.system"}, {"y", "mod.C"}, {"z", "mod.D"}}; !slices.Equal(c.Passed, want) {
		t.Errorf("passed %v, want %v", c.Passed, want)
	}
}

// Python 2 wrote its names as bytes and an OrderedDict by its pairs.
func TestReadsPython2(t *testing.T) {
	tensor := strings.NewReplacer("X\x07\x00\x00\x00", "U\x07", "X\x01\x00\x00\x00", "U\x01", "X\x03\x00\x00\x00", "U\x03").Replace(aTensor)
	c, err := Read(pickled(t, "\x80\x02ccollections\nOrderedDict\n](](U\x01w"+tensor+"ee\x85R.", "a/data/0"))
	if err != nil || len(c.Tensors) != 1 || c.Tensors[0].Name != "w" {
		t.Errorf("%+v %v", c, err)
	}
}

// Dicts that contain each other, or themselves, end in an error, soon.
func TestDictsInCircles(t *testing.T) {
	circle := "\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s."
	// Each list holds the one before sixteen times: 16^20 ways to nothing.
	many := "\x80\x02]q\x00"
	for i := range 20 {
		many += "](" + strings.Repeat("h"+string(rune(i)), 16) + "eq" + string(rune(i+1))
	}
	for name, program := range map[string]string{"circle": circle, "many ways": many + "."} {
		_, err := Read(pickled(t, program))
		if !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), "too often") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A file that is something else is called what it is.
func TestOtherZipFiles(t *testing.T) {
	whole := fixture(t, "dict.pth")
	script := pickled(t, "\x80\x02}.", "a/code/__torch__.py")
	other := bytes.ReplaceAll(pickled(t, "."), []byte("a/data.pkl"), []byte("a/read.txt"))
	for _, c := range []struct {
		name, says string
		data       []byte
	}{
		{"cut", "cut short", whole[:len(whole)/2]},
		{"TorchScript", "TorchScript", script},
		{"zip", "unpack it", other},
		{"empty dict", "no tensors", pickled(t, "\x80\x02}.")},
		{"one object", "mod.C, which would have to be run", pickled(t, "\x80\x02}X\x05\x00\x00\x00modelcmod\nC\n)\x81s.")},
		{"newer pickle", "protocol 6", pickled(t, "\x80\x06}.")},
	} {
		_, err := Read(c.data)
		if !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v, want %q", c.name, err, c.says)
		}
	}
}
