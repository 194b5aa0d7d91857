package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/rivo/uniseg"
	"golang.org/x/sys/unix"
)

// openTerminal makes a terminal of so many columns: what is written to it is read from screen.
func openTerminal(t *testing.T, columns uint16) (screen, terminal *os.File) {
	t.Helper()
	screen, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	t.Cleanup(func() { screen.Close() })
	n, err := unix.IoctlGetInt(int(screen.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(screen.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		terminal, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	resize(t, screen, columns)
	return screen, terminal
}

func resize(t *testing.T, screen *os.File, columns uint16) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(screen.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: columns}); err != nil {
		t.Fatal(err)
	}
}

// watch trains on a terminal and returns its redraws. What follows sees each as it comes.
func watch(t *testing.T, columns uint16, env string, follow func(screen *os.File, redraw string)) []string {
	t.Helper()
	screen, terminal := openTerminal(t, columns)
	c := exec.CommandContext(t.Context(), program, "run", tiny, "--only", "pretrain", "--store", t.TempDir(), "--cache", t.TempDir(),
		"--set", "pretrain.epochs=4")
	c.Stderr = terminal
	c.Env = append(os.Environ(), env)
	if err := errors.Join(c.Start(), terminal.Close()); err != nil {
		t.Fatal(err)
	}
	var redraws []string
	text, half := make([]byte, 4096), ""
	for {
		n, err := screen.Read(text)
		parts := strings.Split(half+string(text[:n]), "\r")
		for _, p := range parts[:len(parts)-1] {
			redraws = append(redraws, p)
			follow(screen, p)
		}
		half = parts[len(parts)-1]
		if errors.Is(err, syscall.EIO) { // nobody has the terminal any more
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("%v\n%q", err, redraws)
	}
	return redraws
}

// The line of progress is never wider than the terminal, also while that is resized.
func TestProgressFitsTheTerminal(t *testing.T) {
	for _, c := range []struct{ columns, then, least uint16 }{{80, 40, 39}, {40, 80, 39}, {0, 0, 79}} {
		drawn := 0
		redraws := watch(t, c.columns, "TERM=xterm", func(screen *os.File, redraw string) {
			if strings.Contains(redraw, "images/s") {
				if drawn++; drawn == 1 {
					resize(t, screen, c.then)
				}
			}
		})
		if drawn < 2 {
			t.Errorf("%d columns: only %d redraws: %q", c.columns, drawn, redraws)
		}
		widest, last := 0, 0
		for _, r := range redraws {
			if strings.Contains(r, "images/s") {
				last = uniseg.StringWidth(r)
				widest = max(widest, last)
			}
		}
		if limit := max(c.columns, c.then, c.least); widest > int(limit) {
			t.Errorf("%d columns, then %d: a redraw of %d cells", c.columns, c.then, widest)
		}
		if narrow := c.then; narrow > 0 && last >= int(narrow) {
			t.Errorf("the last redraw takes %d cells of %d", last, narrow)
		}
	}
}

// Where no line can be drawn over, none is.
func TestADumbTerminalGetsLines(t *testing.T) {
	for _, r := range watch(t, 80, "TERM=dumb", func(*os.File, string) {}) {
		if strings.Contains(r, "%") {
			t.Errorf("a redraw on a dumb terminal: %q", r)
		}
	}
}
