package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/fault"
	"g2c/internal/unprivileged"
)

// What stands in the place of a folder, a spec or an output is called what it is, and what
// is advised can be done.
func TestWhatStandsInAPlaceIsCalledWhatItIs(t *testing.T) {
	t.Chdir(t.TempDir())
	if err := os.MkdirAll(filepath.Join("images", "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("file", []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", "link"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args string
		code int
		says string
	}{
		{"plan images", fault.ExitSpec, "data inspect"},
		{"run images", fault.ExitSpec, "is a folder"},
		{"cache show --cache file", fault.ExitSpec, "file is a file"},
		{"cache prune --cache file", fault.ExitSpec, "file is a file"},
		{"data synth images", fault.ExitSpec, "name a new one"},
		{"data inspect images --sheet x --split x", fault.ExitSpec, "one file"},
	} {
		root := newRoot()
		root.SetArgs(strings.Fields(c.args))
		err := root.ExecuteContext(t.Context())
		if fault.ExitCode(err) != c.code || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: exit code %d, %v; want %d and %q", c.args, fault.ExitCode(err), err, c.code, c.says)
		}
	}
	for dir, says := range map[string]string{"file": "file is a file", "file/below": "file/below cannot be used: not a directory", "link": "link is a link that leads nowhere", "link/below": "leads nowhere"} {
		if _, err := cachePlace(dir); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("a cache at %s: %v, want %q", dir, err, says)
		}
	}
	if err := (&output{path: "-"}).check(); fault.ExitCode(err) != fault.ExitSpec || !strings.Contains(err.Error(), "/dev/stdout") {
		t.Errorf("an output to -: %v", err)
	}
}

// A cache that cannot be looked at is not called empty.
func TestACacheThatCannotBeLookedAt(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o333); err != nil {
		t.Fatal(err)
	}
	unprivileged.Do(t, func() {
		for _, verb := range []string{"show", "prune"} {
			root := newRoot()
			root.SetArgs([]string{"cache", verb, "--cache", dir})
			if err := root.ExecuteContext(t.Context()); fault.ExitCode(err) != fault.ExitUnavailable {
				t.Errorf("%s: %v", verb, err)
			}
		}
	})
}
