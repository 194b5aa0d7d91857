// Package golden compares text with committed files. It is for tests.
//
// With the flag -rewrite the files are written anew instead; then read the diff.
// Check may be called from parallel tests on different files.
package golden

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var rewrite = flag.Bool("rewrite", false, "write golden files anew; then read the diff")

// Rewriting says whether golden files are to be written anew: for tests that hold text to
// a part of a file.
func Rewriting() bool { return *rewrite }

// Check holds got to the file at path, and shows the first line that differs.
func Check(t testing.TB, path, got string) {
	t.Helper()
	if *rewrite {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v\nrun the test with -rewrite to make it", err)
	}
	if line, a, w := differ(got, string(b)); line > 0 {
		t.Errorf("%s:%d: the test gives\n\t%s\nthe file has\n\t%s\nif that is meant, run the test with -rewrite", path, line, a, w)
	}
}

// differ gives the number, from 1, and the text of the first line that differs; 0
// if none does.
func differ(got, want string) (line int, a, b string) {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range max(len(g), len(w)) {
		a, b := "(end)", "(end)"
		if i < len(g) {
			a = g[i]
		}
		if i < len(w) {
			b = w[i]
		}
		if a != b {
			return i + 1, a, b
		}
	}
	return 0, "", ""
}
