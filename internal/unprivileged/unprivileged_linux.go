package unprivileged

import (
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is a user who owns nothing.
const nobody = 65534

// Do does something that touches files on its own goroutine alone, as an unprivileged user
// where this process is root. do may not call FailNow.
func Do(t testing.TB, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread() // and ends with it: nobody else gets a thread of another user
		if err := unix.Setfsuid(nobody); err != nil {
			t.Errorf("become another user: %v", err)
			return
		}
		do()
	}()
	<-done
}
