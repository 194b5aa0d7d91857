package unprivileged

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// What is protected is so from who acts, and open again afterwards to who was root.
func TestDo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(path, []byte("x"), 0o000); err != nil {
		t.Fatal(err)
	}
	Do(t, func() {
		if _, err := os.ReadFile(path); !errors.Is(err, fs.ErrPermission) {
			t.Errorf("a file that nobody may read is read: %v", err)
		}
	})
	if _, err := os.ReadFile(path); os.Geteuid() == 0 && err != nil {
		t.Errorf("root is root no more: %v", err)
	}
}
