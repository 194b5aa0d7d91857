package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// inspection is what these tests read of `g2c data inspect --json`.
type inspection struct {
	Summary struct {
		Fingerprint string `json:"fingerprint"`
		Report      struct {
			Images, Cached, Opened int
		} `json:"report"`
	} `json:"summary"`
}

// inspectCached inspects a folder with a cache.
func inspectCached(t *testing.T, dir, cache string, more ...string) inspection {
	t.Helper()
	return parseInspection(t, must(t, nil, append([]string{"data", "inspect", "--json", "--size", "64", "--cache", cache, dir}, more...)...).stdout)
}

func parseInspection(t *testing.T, text string) inspection {
	t.Helper()
	var all []inspection
	if err := json.Unmarshal([]byte(text), &all); err != nil || len(all) != 1 {
		t.Fatalf("%v: %s", err, text)
	}
	return all[0]
}

// The second look opens no image, unless it is told to; a cache that was cut, or is
// removed, is made anew; and the images are the same every time.
func TestTheSecondLookOpensNoImage(t *testing.T) {
	dir, cache := filepath.Join(openStudio(t).world, "labelled", "train"), t.TempDir()
	first := inspectCached(t, dir, cache)
	want := first.Summary.Report.Images
	again := inspectCached(t, dir, cache)
	for again.Summary.Report.Opened > 0 { // files that are two seconds old may still change
		again = inspectCached(t, dir, cache)
	}
	if r := again.Summary.Report; r.Images != want || r.Cached != want || first.Summary.Report.Opened != want {
		t.Errorf("first %+v, then %+v", first.Summary.Report, r)
	}
	rechecked := inspectCached(t, dir, cache, "--recheck")
	if r := rechecked.Summary.Report; r.Opened != want || r.Cached != want {
		t.Errorf("with --recheck %+v", r)
	}
	shards, err := filepath.Glob(filepath.Join(cache, "v*", "64", "*.shard"))
	if err != nil || len(shards) == 0 {
		t.Fatalf("shards %v, %v", shards, err)
	}
	for _, path := range shards {
		if err := os.Truncate(path, 1000); err != nil {
			t.Fatal(err)
		}
	}
	cut := inspectCached(t, dir, cache)
	if r := cut.Summary.Report; r.Opened != want || r.Cached != 0 {
		t.Errorf("with a cache that was cut %+v", r)
	}
	if out := must(t, nil, "cache", "prune", "--all", "--cache", cache).stdout; !strings.Contains(out, "0 bytes in 0 files are left") {
		t.Errorf("pruned: %s", out)
	}
	pruned := inspectCached(t, dir, cache)
	for _, got := range []inspection{again, rechecked, cut, pruned} {
		if got.Summary.Fingerprint != first.Summary.Fingerprint {
			t.Errorf("fingerprint %s, first it was %s", got.Summary.Fingerprint, first.Summary.Fingerprint)
		}
	}
}

// Where pixels cannot be kept they are decoded all the same, with a note: on a disk that
// is full, and for a user whose home cannot be written to.
func TestACacheThatFailsIsANote(t *testing.T) {
	dir := filepath.Join(openStudio(t).world, "labelled", "train")
	want := inspectCached(t, dir, t.TempDir()).Summary.Fingerprint
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]*exec.Cmd{
		"a full disk": exec.CommandContext(t.Context(), "sh", "-c", `ulimit -f 64; exec "$@"`, "sh", program, "data", "inspect", "--json", "--size", "64", "--cache", t.TempDir(), dir),
		"no home":     exec.CommandContext(t.Context(), program, "data", "inspect", "--json", "--size", "64", dir),
	} {
		if what == "no home" {
			c.Env = append(os.Environ(), "HOME="+file, "XDG_CACHE_HOME=")
		}
		var notes strings.Builder
		c.Stderr = &notes
		out, err := c.Output()
		if err != nil {
			t.Fatalf("%s: %v\n%s", what, err, notes.String())
		}
		if got := parseInspection(t, string(out)).Summary.Fingerprint; got != want {
			t.Errorf("%s: fingerprint %s, want %s", what, got, want)
		}
		if !strings.Contains(notes.String(), "note: ") || !strings.Contains(notes.String(), "decoded") {
			t.Errorf("%s: it says %q", what, notes.String())
		}
	}
}

// A folder is found as it is written on Windows too.
func TestInspectFindsPathsWithBackslashes(t *testing.T) {
	dir := filepath.Join(openStudio(t).world, "labelled", "train")
	cache := t.TempDir()
	want := inspectCached(t, dir, cache).Summary.Fingerprint
	written := filepath.Dir(filepath.Dir(dir)) + `\labelled\train`
	if got := inspectCached(t, written, cache).Summary.Fingerprint; got != want {
		t.Errorf("%s has the fingerprint %s, %s has %s", written, got, dir, want)
	}
}
