package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/fault"
)

// What is there decides whether an output may take its place.
func TestOutputCheck(t *testing.T) {
	dir := t.TempDir()
	below := func(name string) string { return filepath.Join(dir, name) }
	for name, text := range map[string]string{
		"ours": "..mark and more", "early": "mark..", "short": "..ma", "foreign": "somebody's", "same": "the bytes", "empty": "", "input": "..mark, and read",
	} {
		if err := os.WriteFile(below(name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("foreign", below("link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", below("dangling")); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(below("input"), below("twin")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name         string
		code, forced int
	}{
		{"new", 0, 0}, {"dangling", 0, 0}, {"ours", 0, 0}, {"empty", 0, 0}, {"same", 0, 0},
		{"early", 2, 0}, {"short", 2, 0}, {"foreign", 2, 0}, {"link", 2, 0},
		{"input", 2, 2}, {"twin", 2, 2},
		{"missing/new", 5, 5}, {"foreign/below", 5, 5}, {".", 5, 5},
	} {
		for _, force := range []bool{false, true} {
			out := output{path: below(c.name), force: force, begins: []string{"other", "mark"}, at: 2}
			want := c.code
			if force {
				want = c.forced
			}
			err := out.checkFor([]byte("the bytes"), []string{below("gone"), below("input")})
			if got := fault.ExitCode(err); got != want {
				t.Errorf("%s, force %v: exit code %d, want %d: %v", c.name, force, got, want, err)
			}
			if err != nil && !strings.Contains(err.Error(), out.path) {
				t.Errorf("%v does not name %s", err, out.path)
			}
		}
	}
	if err := (&output{path: os.DevNull}).check(os.DevNull); err != nil {
		t.Errorf("nothing is lost there: %v", err)
	}
}

// A file whose writing fails half way is what it was.
func TestOutputStreamIsWholeOrNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "backup")
	out := output{path: path, begins: []string{"g2c/state/"}}
	if err := out.write([]byte("g2c/state/1\nold")); err != nil {
		t.Fatal(err)
	}
	if err := out.check(); err != nil {
		t.Errorf("an older backup: %v", err)
	}
	gone := fault.New(fault.ErrUnavailable, "the coordinator is gone")
	if err := out.stream(func(w io.Writer) error {
		_, _ = w.Write([]byte("g2c/state/1\nhalf")) // a buffer takes it
		return gone
	}); !errors.Is(err, fault.ErrUnavailable) || !strings.Contains(err.Error(), "gone") {
		t.Errorf("it ended with %v", err)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != "g2c/state/1\nold" {
		t.Errorf("it holds %q, %v", text, err)
	}
	if entries, err := os.ReadDir(filepath.Dir(path)); err != nil || len(entries) != 1 {
		t.Errorf("it left %v, %v", entries, err)
	}
}
