package checkpoint_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"testing"
)

// TestFormatCanBeVerifiedByOthers does what FORMAT.md tells others to do.
func TestFormatCanBeVerifiedByOthers(t *testing.T) {
	dir := t.TempDir()
	mustTrain(t, openRepo(t, dir), task, 2)
	objects, err := filepath.Glob(filepath.Join(dir, "objects", "*"))
	if err != nil || len(objects) != 4 {
		t.Fatalf("%d objects, %v", len(objects), err)
	}
	sum := func(path string, change func([]byte) []byte) string {
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return fmt.Sprintf("%x", sha256.Sum256(change(data)))
	}
	for _, o := range objects {
		if got := sum(o, func(b []byte) []byte { return b }); got != filepath.Base(o) {
			t.Errorf("%s hashes to %s", o, got)
		}
	}
	manifest := filepath.Join(dir, "manifests", task, "000000002.json")
	check := regexp.MustCompile(`"check":"([0-9a-f]*)"}\n$`)
	data, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	found := check.FindSubmatch(data)
	if found == nil {
		t.Fatalf("no check at the end of %s", data)
	}
	if got := sum(manifest, func(b []byte) []byte { return check.ReplaceAll(b, []byte("\"check\":\"\"}\n")) }); got != string(found[1]) {
		t.Errorf("%s hashes to %s, its check is %s", manifest, got, found[1])
	}
}
