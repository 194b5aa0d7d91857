package e2e

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/store"
	"g2c/checkpoint/torchfile"
	"g2c/internal/philox"
)

// published is a generator of the original CycleGAN in the layout of its published
// weights, of width 4 with one block. Other seeds are other weights.
func published(seed uint32, prefix string) []safetensors.Tensor {
	var out []safetensors.Tensor
	conv := func(layer string, channels int, shape ...int) {
		for _, p := range []struct {
			kind  string
			shape []int
		}{{"weight", shape}, {"bias", []int{channels}}} {
			n := 1
			for _, d := range p.shape {
				n *= d
			}
			v := make([]float32, n)
			for i := range v {
				v[i] = float32(0.1 * (philox.Uniform(philox.Words(seed, philox.Weights, [4]uint32{uint32(i), uint32(len(out)), 0, 0})[0]) - 0.5))
			}
			out = append(out, safetensors.Float32(prefix+layer+"."+p.kind, p.shape, v))
		}
	}
	conv("model.1", 4, 4, 3, 7, 7)
	conv("model.4", 8, 8, 4, 3, 3)
	conv("model.7", 16, 16, 8, 3, 3)
	conv("model.10.conv_block.1", 16, 16, 16, 3, 3)
	conv("model.10.conv_block.5", 16, 16, 16, 3, 3)
	conv("model.11", 8, 16, 8, 3, 3)
	conv("model.14", 4, 8, 4, 3, 3)
	conv("model.18", 3, 3, 4, 7, 7)
	return out
}

// writeTorch writes a state dict and gives its path.
func writeTorch(t *testing.T, name string, tensors []safetensors.Tensor) string {
	t.Helper()
	var b bytes.Buffer
	if err := torchfile.Write(&b, tensors); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A published generator is taken, fine-tuned in an arm and given back under its names;
// a spec that goes up otherwise does not take it.
func TestPublishedGenerator(t *testing.T) {
	dir := t.TempDir()
	model, store, back := filepath.Join(dir, "g"), filepath.Join(dir, "store"), filepath.Join(dir, "back.pth")
	o := must(t, nil, "import", writeTorch(t, "latest_net_G_A.pth", published(1, "")), "-o", model, "--stain", "HE", "--size", "64")
	if !strings.Contains(o.stderr, "7 biases") {
		t.Errorf("import does not say what it dropped: %s", o.stderr)
	}
	must(t, nil, "export", model, "--format", "torch", "--names", "cyclegan", "-o", back)
	args := []string{"run", tiny, "--set", "generators={HE: " + model + "}", "--set", "finetune.epochs=1", "--set", "finetune.freezeEpochs=0", "--only", "evaluate/s-vs-noa/PAS_H&E"}
	if o := run(t.Context(), t, nil, append(args, "--store", t.TempDir())...); o.code != 2 || !strings.Contains(o.stderr, "up by k3") {
		t.Errorf("a spec of the other way up: exit code %d\n%s", o.code, o.stderr)
	}
	must(t, nil, append(args, "--store", store, "--set", "model.generator.up=k3")...)
	tuned := filepath.Join(store, "manifests", manifestOf(t, store, "finetune"))
	file, again := filepath.Join(dir, "tuned.pth"), filepath.Join(dir, "again")
	must(t, nil, "export", tuned, "--format", "torch", "--names", "cyclegan", "--to", "HE", "-o", file)
	must(t, nil, "import", file, "-o", again, "--stain", "HE", "--size", "64")
	before, after := tensorsOf(t, back), tensorsOf(t, file)
	if len(before) != 16 || len(after) != 16 {
		t.Fatalf("%d and %d tensors, want 16", len(before), len(after))
	}
	for name, b := range before {
		learnt := strings.HasSuffix(name, ".weight") || name == "model.18.bias"
		if a, ok := after[name]; !ok || bytes.Equal(a, b) == learnt {
			t.Errorf("%s: there %v, changed by training %v", name, ok, !bytes.Equal(a, b))
		}
	}
	images := must(t, nil, "translate", tuned, openStudio(t).test(), "-o", filepath.Join(dir, "x")).stdout
	must(t, nil, "translate", again, openStudio(t).test(), "-o", filepath.Join(dir, "y"))
	if images == "" {
		t.Error("nothing was translated")
	}
	sameBits(t, "after export and import", files(t, filepath.Join(dir, "y")), files(t, filepath.Join(dir, "x")))
}

// tensorsOf is a file's tensors by name.
func tensorsOf(t *testing.T, path string) map[string][]byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	c, err := torchfile.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, x := range c.Tensors {
		out[x.Name] = x.Data
	}
	return out
}

// Files as people have them: each is taken, or refused by what it is.
func TestForeignFiles(t *testing.T) {
	both := append(published(1, "netG_A.module."), published(2, "netG_B.module.")...)
	nan := published(1, "")
	nan[4] = safetensors.Float32(nan[4].Name, nan[4].Shape, append([]float32{float32(math.NaN())}, make([]float32, 16*8*9-1)...))
	lfs := filepath.Join(t.TempDir(), "g.safetensors")
	if err := os.WriteFile(lfs, []byte("version https://git-lfs.github.com/spec/v1\noid sha256:"+strings.Repeat("a", 64)+"\nsize 45531203\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	two := writeTorch(t, "both.safetensors", both) // the name is wrong, and does not matter
	for i, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{two}, 2, "2 networks: netG_A, netG_B"},
		{[]string{two, "--select", "netG_B"}, 0, "prefix netG_B.module."},
		{[]string{two, "--select", "netG_C"}, 2, "netG_A, netG_B"},
		{[]string{two, "--ema"}, 2, "ema"},
		{[]string{writeTorch(t, "nan.pth", nan)}, 3, "tensor model.7.weight holds NaN"},
		{[]string{lfs}, 3, "a Git LFS pointer"},
	} {
		o := run(t.Context(), t, nil, append([]string{"import", "-o", filepath.Join(t.TempDir(), fmt.Sprint(i)), "--stain", "HE"}, c.args...)...)
		if o.code != c.code || !strings.Contains(o.stderr, c.says) {
			t.Errorf("%v: exit code %d, want %d and %q\n%s", c.args, o.code, c.code, c.says, o.stderr)
		}
	}
}

// Weights with NaN that a store holds are not used, and not handed on.
func TestStoredNaN(t *testing.T) {
	s := openStudio(t)
	from, err := filestore.OpenRead(s.store)
	if err != nil {
		t.Fatal(err)
	}
	repo := checkpoint.New(from)
	manifest, _, err := repo.Final(t.Context(), s.pair, checkpoint.Present)
	if err != nil || manifest == nil {
		t.Fatal(manifest, err)
	}
	data, err := repo.Payload(t.Context(), *manifest, checkpoint.Weights)
	if err != nil {
		t.Fatal(err)
	}
	copy(data[len(data)-4:], []byte{0, 0, 0xc0, 0x7f}) // the last weight of the last tensor
	dir := t.TempDir()
	to, err := filestore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	_, err = checkpoint.New(to).Save(t.Context(), checkpoint.Snapshot{
		Kind: manifest.Kind, Task: manifest.Task, Class: manifest.Class, Step: manifest.Step, Epoch: manifest.Epoch, Final: true,
		Description: manifest.Description, Payloads: map[string]store.Body{checkpoint.Weights: bytes.NewReader(data)},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"translate", dir, s.test(), "-o", filepath.Join(t.TempDir(), "x")}, {"export", dir, "-o", filepath.Join(t.TempDir(), "x.safetensors")}} {
		o := run(t.Context(), t, nil, args...)
		if o.code != 3 || !strings.Contains(o.stderr, "tensor up.1.weight holds NaN") {
			t.Errorf("%s: exit code %d\n%s", args[0], o.code, o.stderr)
		}
	}
}
