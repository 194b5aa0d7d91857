//go:build !linux

package unprivileged

import (
	"os"
	"testing"
)

// Do does something as this user, who must not be root.
func Do(t testing.TB, do func()) {
	t.Helper()
	if os.Geteuid() == 0 {
		t.Skip("SKIPPED: root may do everything, and cannot act as another user on one thread here")
	}
	do()
}
