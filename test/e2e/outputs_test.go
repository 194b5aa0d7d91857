package e2e

import (
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// refused expects a command that is wrong, and says of what file.
func refused(t *testing.T, says string, args ...string) {
	t.Helper()
	o := run(t.Context(), t, nil, args...)
	if o.code != 2 || !strings.Contains(o.stderr, says) {
		t.Errorf("g2c %s: exit code %d, want 2 and %q\n%s", strings.Join(args, " "), o.code, says, o.stderr)
	}
}

// link makes links, fatal where there are none.
func link(t *testing.T, with func(string, string) error, from, to string) string {
	t.Helper()
	if err := with(from, to); err != nil {
		t.Fatal(err)
	}
	return to
}

// What a verb reads it never writes over, whatever leads there and whatever is forced.
func TestNothingIsWrittenOverWhatIsRead(t *testing.T) {
	s := openStudio(t)
	dir := t.TempDir()
	in := filepath.Join(dir, "in")
	if err := os.CopyFS(in, os.DirFS(filepath.Join(s.test(), "gs"))); err != nil {
		t.Fatal(err)
	}
	before := files(t, in)
	image := firstFile(t, in)
	out := filepath.Join(dir, "out")
	if err := os.Mkdir(out, 0o755); err != nil {
		t.Fatal(err)
	}
	folder := link(t, os.Symlink, in, filepath.Join(dir, "folder"))
	soft := link(t, os.Symlink, image, filepath.Join(dir, "soft"))
	hard := link(t, os.Link, image, filepath.Join(dir, "hard"))
	link(t, os.Link, image, filepath.Join(out, filepath.Base(image))) // an output that is an input
	for _, force := range [][]string{nil, {"--force"}} {
		translate := append([]string{"translate", s.pair, "--store", s.store}, force...)
		refused(t, "are read", append(translate, in, "-o", in)...)
		refused(t, "is read", append(translate, in, "-o", out)...)
		refused(t, "are read", append(translate, image, "-o", folder)...)
		refused(t, "are read", append(translate, folder, "-o", in)...)
		predict := append([]string{"predict", s.joint, "--store", s.store, in}, force...)
		for _, to := range []string{image, soft, hard, filepath.Join(folder, filepath.Base(image))} {
			refused(t, "is read", append(predict, "-o", to)...)
		}
		inspect := append([]string{"data", "inspect", in, "--size", "64"}, force...)
		refused(t, "is read", append(inspect, "--sheet", hard)...)
		weights := filepath.Join(dir, "w.safetensors")
		write(t, weights, []byte("weights"))
		refused(t, "is read", append([]string{"debug", "step", tiny, "--weights", weights, "--batch", image, "-o", weights}, force...)...)
	}
	sameBits(t, "inputs", files(t, in), before)
}

// A file that somebody else made stays, until it is said that it may go. The same command
// again replaces what it made.
func TestForeignFilesStay(t *testing.T) {
	s := openStudio(t)
	dir, other := t.TempDir(), []byte("a year of somebody's work\n")
	for name, args := range map[string][]string{
		"p.csv":         {"predict", s.joint, s.test(), "--store", s.store, "-o"},
		"g.safetensors": {"export", s.pair, "--store", s.store, "-o"},
		"g.pth":         {"export", s.pair, "--store", s.store, "--format", "torch", "-o"},
		"split.csv":     {"data", "inspect", tiny, "--split"},
		"sheet.png":     {"data", "inspect", tiny, "--sheet"},
	} {
		path := filepath.Join(dir, name)
		args = append(args, path)
		write(t, path, other)
		refused(t, "--force", args...)
		if text, err := os.ReadFile(path); err != nil || string(text) != string(other) {
			t.Fatalf("%s holds %q, %v", name, text, err)
		}
		must(t, nil, append(args, "--force")...)
		must(t, nil, args...)
	}
	must(t, nil, "predict", s.joint, s.test(), "--store", s.store, "--json", "-o", filepath.Join(dir, "p.csv"))
	must(t, nil, "predict", s.joint, s.test(), "--store", s.store, "-o", filepath.Join(dir, "p.csv"))

	images := filepath.Join(dir, "images")
	translate := []string{"translate", s.pair, filepath.Join(s.test(), "gs"), "--store", s.store, "-o", images}
	must(t, nil, translate...)
	must(t, nil, "translate", s.joint, filepath.Join(s.test(), "gs"), "--store", s.store, "-o", images)
	must(t, nil, translate...)
	writePNG(t, firstFile(t, images), 7)
	before := files(t, images)
	refused(t, "--force", translate...)
	sameBits(t, "translations and a foreign image", files(t, images), before)
	must(t, nil, append(translate, "--force")...)
	if maps.Equal(files(t, images), before) {
		t.Error("--force replaced nothing")
	}
}

// An identity gives way to a newer one of the same holder, and to no other.
func TestIdentitiesStay(t *testing.T) {
	dir := t.TempDir()
	below := func(name string) string { return filepath.Join(dir, name) }
	issue := func(ca, name, to string) []string {
		return []string{"certs", "issue", below(ca), "--role", "client", "--name", name, "-o", below(to)}
	}
	must(t, nil, "certs", "init", below("ca"))
	must(t, nil, "certs", "init", below("other"))
	must(t, nil, issue("ca", "ann", "ann")...)
	must(t, nil, issue("ca", "ann", "ann")...)
	refused(t, "client/ann", issue("ca", "bob", "ann")...)
	refused(t, "ca.crt", issue("ca", "ann", "other")...)
	must(t, nil, append(issue("ca", "bob", "ann"), "--force")...)
	write(t, below("half/ca.crt"), []byte("somebody's"))
	refused(t, "ca.crt", "certs", "init", below("half"))
}

// A run whose report has no place says so before it trains.
func TestARunLooksForThePlaceOfItsReport(t *testing.T) {
	store := t.TempDir()
	notes := filepath.Join(store, "reports", "tiny", "notes.txt")
	write(t, notes, []byte("mine"))
	o := run(t.Context(), t, nil, "run", tiny, "--store", store, "--cache", t.TempDir())
	if o.code != 2 || !strings.Contains(o.stderr, "notes.txt") || strings.Contains(o.stderr, " done") {
		t.Errorf("exit code %d, want 2 and the file, before anything is trained\n%s", o.code, o.stderr)
	}
	if text, err := os.ReadFile(notes); err != nil || string(text) != "mine" {
		t.Errorf("the file holds %q, %v", text, err)
	}
}

// What a name means to the system is written as it is: nothing is put in its place.
func TestOutputsThatAreNoFiles(t *testing.T) {
	s := openStudio(t)
	want := must(t, nil, "predict", s.joint, s.test(), "--store", s.store).stdout
	log, err := os.OpenFile(filepath.Join(t.TempDir(), "log"), os.O_CREATE|os.O_APPEND|os.O_RDWR, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	if _, err := log.WriteString("before\n"); err != nil {
		t.Fatal(err)
	}
	if o := runTo(t, log, "predict", s.joint, s.test(), "--store", s.store, "-o", "/dev/stdout"); o.code != 0 {
		t.Fatal(o.stderr)
	}
	if text, err := os.ReadFile(log.Name()); err != nil || string(text) != "before\n"+want {
		t.Errorf("the log holds %q, %v", text, err)
	}
	for to, code := range map[string]int{"/dev/null": 0, "/dev/full": 5} {
		if o := run(t.Context(), t, nil, "predict", s.joint, s.test(), "--store", s.store, "-o", to); o.code != code {
			t.Errorf("-o %s: exit code %d, want %d\n%s", to, o.code, code, o.stderr)
		}
	}
}
