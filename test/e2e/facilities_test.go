package e2e

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"g2c/api"
)

// runTo runs the program with its standard output going to a file.
func runTo(t *testing.T, stdout *os.File, args ...string) outcome {
	t.Helper()
	c := exec.CommandContext(t.Context(), program, args...)
	var stderr bytes.Buffer
	c.Stdout, c.Stderr = stdout, &stderr
	if err := c.Run(); c.ProcessState == nil {
		t.Fatal(err)
	}
	return outcome{code: c.ProcessState.ExitCode(), stderr: stderr.String()}
}

// serve starts a coordinator in memory and returns its address.
func serve(t *testing.T) string {
	t.Helper()
	c, lines := start(t, "coordinator", "--single", "--id", "c1", "--listen", "127.0.0.1:0")
	t.Cleanup(func() {
		if err := c.Process.Signal(syscall.SIGTERM); err != nil {
			t.Error(err)
		}
		for lines.Scan() {
		}
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	})
	address := regexp.MustCompile(`msg=serving.* listen=(\S+)`)
	for lines.Scan() {
		if m := address.FindStringSubmatch(lines.Text()); m != nil {
			return m[1]
		}
	}
	t.Fatal("the coordinator does not serve")
	return ""
}

// Whatever the verb: a result that nobody can have read is exit code 5.
func TestOutputThatCannotBeWritten(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("SKIPPED: %v", err)
	}
	defer full.Close()
	s := openStudio(t)
	dir, cache, server := t.TempDir(), t.TempDir(), serve(t)
	below := func(name string) string { return filepath.Join(dir, name) }
	id := strings.TrimSpace(must(t, nil, "submit", tiny, "--server", server, "--class", api.ClassCPU, "--shared-paths", "--cache", cache).stdout)
	for _, args := range [][]string{
		{"--help"}, {"run", "--help"}, {"completion", "bash"}, {"version"}, {"doctor"}, {"spec", "show", tiny}, {"spec", "schema"},
		{"run", tiny, "--store", s.store, "--cache", cache}, {"plan", tiny, "--store", s.store, "--cache", cache}, {"report", s.store, "-o", below("r")},
		{"predict", s.joint, s.test(), "--store", s.store}, {"translate", s.pair, s.test(), "--store", s.store, "-o", below("t")},
		{"export", s.pair, "--store", s.store, "-o", below("g.safetensors")},
		{"import", below("g.safetensors"), "--stain", "HE", "--size", "64", "-o", below("m")},
		{"data", "synth", below("d"), "--patients", "6", "--patches", "3"}, {"data", "split", filepath.Join(s.world, "labels.csv"), "-o", below("s")},
		{"data", "inspect", s.test(), "--size", "64", "--cache", cache},
		{"ckpt", "ls", s.store}, {"ckpt", "show", s.store, s.pair}, {"ckpt", "verify", s.store}, {"ckpt", "gc", s.store},
		{"debug", "dump", tiny}, {"debug", "bench", tiny, "--steps", "1"},
		{"certs", "init", below("ca"), "--json"}, {"certs", "issue", below("ca"), "--role", "client", "--name", "ann", "-o", below("ann"), "--json"},
		{"ps", "--server", server}, {"ps", id, "--server", server}, {"describe", id, "--server", server}, {"top", "--server", server},
		{"status", "--server", server}, {"workers", "ls", "--server", server}, {"projects", "ls", "--server", server},
		{"audit", "--server", server}, {"token", "ls", "--server", server}, {"token", "create", "--server", server},
		{"submit", tiny, "--server", server, "--class", api.ClassCPU, "--shared-paths", "--cache", cache}, {"cancel", id, "--server", server, "--json"},
	} {
		o := runTo(t, full, args...)
		if o.code != 5 || !strings.Contains(o.stderr, "write standard output: no space left on device") {
			t.Errorf("g2c %s: exit code %d, want 5\n%s", strings.Join(args, " "), o.code, o.stderr)
		}
	}
}

// What is said on standard error is worth no training: nobody need read it.
func TestARunOutlivesItsStandardError(t *testing.T) {
	want, _ := reference(t)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	store := t.TempDir()
	c := exec.CommandContext(t.Context(), program, "run", tiny, "--store", store, "--cache", t.TempDir())
	c.Stderr = w
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	sameBits(t, "a run whose standard error is closed", hashes(t, store), want)
}

// hangUp starts a run by a command line of the shell and closes its terminal.
func hangUp(t *testing.T, shell string, args ...string) (*exec.Cmd, []string) {
	t.Helper()
	c := exec.CommandContext(t.Context(), "sh", append([]string{"-c", shell + ` exec "$0" "$@"`, program}, args...)...)
	stderr, err := c.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	// What these tests were started by may have hangups ignored, and the child with it: a
	// signal that is handled here has its default there.
	handled := make(chan os.Signal, 1)
	signal.Notify(handled, syscall.SIGHUP)
	defer signal.Stop(handled)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	var said []string
	for lines := bufio.NewScanner(stderr); lines.Scan(); said = append(said, lines.Text()) {
		if len(said) > 0 {
			continue
		}
		for range 2 { // one from the terminal, one from the shell
			if err := c.Process.Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = c.Wait() // the caller looks at the exit code
	return c, said
}

// A closed terminal saves as Ctrl-C does, and what nohup started goes on.
func TestAClosedTerminal(t *testing.T) {
	want, _ := reference(t)
	store := t.TempDir()
	args := []string{"run", tiny, "--store", store, "--cache", t.TempDir()}
	c, said := hangUp(t, "", args...)
	if c.ProcessState.ExitCode() != 130 || !strings.Contains(strings.Join(said, "\n"), "the terminal was closed") || !strings.Contains(said[len(said)-1], "state saved") {
		t.Fatalf("%v, want exit code 130 and the state saved\n%s", c.ProcessState, strings.Join(said, "\n"))
	}
	c, said = hangUp(t, "trap '' HUP;", args...)
	if c.ProcessState.ExitCode() != 0 {
		t.Errorf("with hangups ignored: %v\n%s", c.ProcessState, strings.Join(said, "\n"))
	}
	sameBits(t, "after a closed terminal", hashes(t, store), want)
}

// A cache saves time, and is worth no error: without a place for one everything goes on,
// with a note, and doctor says why.
func TestNoPlaceForACache(t *testing.T) {
	dir := world(t)
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, []byte("no folder"))
	spec := filepath.Join(dir, "spec.yaml")
	write(t, spec, []byte(specFor(dir)))
	for name, env := range map[string][]string{
		"no home":                 {"HOME=", "XDG_CACHE_HOME="},
		"a home below a file":     {"HOME=" + file, "XDG_CACHE_HOME="},
		"a cache that is no path": {"XDG_CACHE_HOME=relative"},
	} {
		o := must(t, env, "plan", spec, "--store", filepath.Join(dir, "none"))
		if strings.Count(o.stderr, "note: nothing is cached") != 1 {
			t.Errorf("%s: no note on the cache, or several\n%s", name, o.stderr)
		}
		if o := must(t, env, "doctor"); !regexp.MustCompile(`(?m)^warn  cache `).MatchString(o.stdout) {
			t.Errorf("%s: doctor says\n%s", name, o.stdout)
		}
	}
	cache := t.TempDir()
	o := must(t, nil, "doctor", "--cache", cache)
	if !strings.Contains(o.stdout, cache+" can be written") {
		t.Errorf("doctor says\n%s", o.stdout)
	}
	if left, err := os.ReadDir(cache); err != nil || len(left) > 0 {
		t.Errorf("doctor left %v, %v", left, err)
	}
}

// What ends the program by no wish of its own is never exit code 2, which is a wrong spec.
func TestNoCrashIsAWrongSpec(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGSEGV} {
		dir := t.TempDir()
		c := exec.CommandContext(t.Context(), program, "coordinator", "--single", "--id", "c1", "--listen", "127.0.0.1:0")
		c.Dir = dir
		stderr, err := c.StderrPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(stderr)
		if !lines.Scan() {
			t.Fatal("it says nothing")
		}
		if err := c.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		stacks := false
		for lines.Scan() {
			stacks = stacks || strings.HasPrefix(lines.Text(), "goroutine ")
		}
		_ = c.Wait() // it is known how that ends
		if w := c.ProcessState.Sys().(syscall.WaitStatus); !w.Signaled() || w.Signal() != syscall.SIGABRT || w.CoreDump() {
			t.Errorf("%v: %v, want SIGABRT and no core", s, c.ProcessState)
		}
		if !stacks {
			t.Errorf("%v: there is nothing to report", s)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%v left %v, %v", s, left, err)
		}
	}
}
