package e2e

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// world is a small data set on disk: gs and nongs class folders by slide, and
// unlabelled patches in two stains.
func world(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	labelled := uint8(0)
	for _, part := range []string{"train", "test"} {
		for _, class := range []string{"gs", "nongs"} {
			for slide := range 4 {
				name := filepath.Join(dir, part, class, part+string(rune('a'+slide))+"-1.png")
				writePNG(t, name, labelled)
				labelled += 13 // no two are equal
			}
		}
	}
	for _, stain := range []string{"PAS", "HE"} {
		for i := range 3 {
			writePNG(t, filepath.Join(dir, stain, string(rune('a'+i))+".png"), uint8(60*i))
		}
	}
	return dir
}

func writePNG(t *testing.T, path string, shade uint8) {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, picture(shade)); err != nil {
		t.Fatal(err)
	}
	write(t, path, b.Bytes())
}

func picture(shade uint8) image.Image {
	m := image.NewRGBA(image.Rect(0, 0, 64, 64))
	for i := range m.Pix {
		m.Pix[i] = shade + uint8(i*i>>5)
	}
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 255
	}
	return m
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// specFor is a spec over the world's folders.
func specFor(dir string) string {
	return `apiVersion: g2c/v1
kind: Experiment
metadata: {name: bad}
data:
  source: PAS
  size: 64
  unlabelled: {PAS: ` + dir + `/PAS, HE: ` + dir + `/HE}
  labelled:
    train: ` + dir + `/train
    test: ` + dir + `/test
    validation: none
    group: {pattern: '^(?P<slide>.+)-\d+$'}
tasks:
  - {name: gs-vs-nongs, positive: [gs], negative: [nongs]}
model: {generator: {width: 4, blocks: 1}, discriminator: {width: 4}, classifier: {width: 8, units: 1, hidden: 4}}
pretrain: {epochs: 1}
finetune: {epochs: 1, batch: 4, shards: 1}
arms: [{name: PAS_H&E, stains: [HE]}]
`
}

// Each fault gives its exit code, and a message that says what and where.
func TestBadInput(t *testing.T) {
	var jpg bytes.Buffer
	if err := jpeg.Encode(&jpg, picture(9), nil); err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) func(*testing.T, string, string) string {
		return func(t *testing.T, _, spec string) string {
			if !strings.Contains(spec, old) {
				t.Fatalf("the spec has no %q", old)
			}
			return strings.Replace(spec, old, new, 1)
		}
	}
	damage := func(f func(t *testing.T, dir string)) func(*testing.T, string, string) string {
		return func(t *testing.T, dir, spec string) string {
			f(t, dir)
			return spec
		}
	}
	for _, c := range []struct {
		name   string
		change func(t *testing.T, dir, spec string) string
		code   int
		says   []string
	}{
		{"unknown field", replace("epochs: 1}\nfinetune", "epocs: 1}\nfinetune"), 2, []string{"spec.yaml:16:", "epocs", "epochs"}},
		{"size too small", replace("size: 64", "size: 32"), 2, []string{"spec.yaml:6:", "64"}},
		{"missing folder", replace("/HE}", "/nowhere}"), 3, []string{"nowhere"}},
		{"empty class", damage(func(t *testing.T, dir string) {
			if err := os.Mkdir(filepath.Join(dir, "train", "other"), 0o755); err != nil {
				t.Fatal(err)
			}
		}), 3, []string{"other"}},
		{"class missing from a split", damage(func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "test", "gs")); err != nil {
				t.Fatal(err)
			}
		}), 3, []string{"gs", "test"}},
		{"corrupt image", damage(func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "train", "gs", "traina-1.png"), []byte("\x89PNG\r\n\x1a\nnot an image"))
		}), 3, []string{"traina-1.png"}},
		{"truncated image", damage(func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "HE", "a.jpg"), jpg.Bytes()[:jpg.Len()/2])
		}), 3, []string{"a.jpg"}},
		{"slide on both sides", damage(func(t *testing.T, dir string) {
			writePNG(t, filepath.Join(dir, "test", "gs", "traina-2.png"), 7)
		}), 3, []string{"traina"}},
		{"fewer images than a batch", replace("batch: 4", "batch: 16"), 3, []string{"8 training images", "16"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := world(t)
			path := filepath.Join(t.TempDir(), "spec.yaml")
			write(t, path, []byte(c.change(t, dir, specFor(dir))))
			o := run(t.Context(), t, nil, "run", path, "--store", t.TempDir(), "--cache", t.TempDir())
			if o.code != c.code {
				t.Errorf("exit code %d, want %d", o.code, c.code)
			}
			for _, s := range c.says {
				if !strings.Contains(o.stderr, s) {
					t.Errorf("the message does not say %q", s)
				}
			}
			t.Logf("%s", o.stderr)
		})
	}
}

func TestNoSuchSpec(t *testing.T) {
	o := run(t.Context(), t, nil, "run", "nothing.yaml", "--store", t.TempDir())
	if o.code != 4 || !strings.Contains(o.stderr, "quickstart") {
		t.Errorf("exit code %d, want 4 and a hint\n%s", o.code, o.stderr)
	}
}

func TestUnwritableStore(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, nil)
	o := run(t.Context(), t, nil, "run", tiny, "--store", filepath.Join(file, "store"))
	if o.code != 5 || !strings.Contains(o.stderr, file) {
		t.Errorf("exit code %d, want 5 and the path\n%s", o.code, o.stderr)
	}
}

// Two runs on one store: the second refuses and names the first; nothing is
// damaged, and the first goes on.
func TestTwoRunsOnOneStore(t *testing.T) {
	want, _ := reference(t)
	store := t.TempDir()
	first, lines := start(t, "run", tiny, "--store", store, "--cache", t.TempDir())
	if !lines.Scan() { // its first task is done, so it holds the next one
		t.Fatal("the first run says nothing")
	}
	o := run(t.Context(), t, nil, "run", tiny, "--store", store, "--cache", t.TempDir())
	if holder := fmt.Sprintf("is being run by process %d ", first.Process.Pid); o.code != 5 || !strings.Contains(o.stderr, holder) {
		t.Errorf("exit code %d, want 5 and who has the task\n%s", o.code, o.stderr)
	}
	for lines.Scan() {
	}
	if err := first.Wait(); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "first of two runs", hashes(t, store), want)
}

// Ctrl-C saves the state, says so, and the same command goes on to the same bits.
func TestInterruptedRunGoesOn(t *testing.T) {
	want, _ := reference(t)
	store := t.TempDir()
	c, lines := start(t, "run", tiny, "--store", store, "--cache", t.TempDir())
	if !lines.Scan() {
		t.Fatal("the run says nothing")
	}
	if err := c.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	last, told := "", false
	for lines.Scan() {
		last = lines.Text()
		told = told || strings.Contains(last, "stopping at the next step")
	}
	err := c.Wait()
	if c.ProcessState.ExitCode() != 130 || !strings.Contains(last, "state saved") {
		t.Errorf("%v, last words %q, want exit code 130 and the state saved", err, last)
	}
	if !told {
		t.Error("the signal was not acknowledged")
	}
	trainTiny(t, store)
	sameBits(t, "after an interrupt", hashes(t, store), want)
}
