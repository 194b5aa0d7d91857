package cluster

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is a running g2c. What it writes goes to a file, whose end is shown if
// the test fails.
type process struct {
	t     *testing.T
	name  string
	cmd   *exec.Cmd
	log   string
	ended chan struct{} // closed when it has; then cmd.ProcessState is set
}

// start runs g2c until it is killed or the test ends.
func start(t *testing.T, name, log string, args ...string) *process {
	t.Helper()
	return startOf(t, program, name, log, args...)
}

// startOf runs a release of g2c until it is killed or the test ends.
func startOf(t *testing.T, release, name, log string, args ...string) *process {
	t.Helper()
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	p := &process{t: t, name: name, cmd: exec.Command(release, args...), log: log, ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = dieWithParent()
	p.cmd.Env = environment()
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		defer out.Close()
		p.cmd.Wait() // how it ended is in ProcessState
	}()
	t.Cleanup(p.kill)
	return p
}

// environment has nothing of the cluster that whoever runs the tests may use.
func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "G2C_") {
			env = append(env, e)
		}
	}
	return env
}

func (p *process) signal(s os.Signal) {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Errorf("%v to %s: %v", s, p.name, err)
	}
}

// kill ends it as a power cut would, and waits.
func (p *process) kill() {
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// alive says whether it still runs.
func (p *process) alive() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// exit waits until it ends by itself.
func (p *process) exit(within time.Duration) int {
	p.t.Helper()
	select {
	case <-p.ended:
	case <-time.After(within):
		p.t.Fatalf("%s has not ended in %v", p.name, within)
	}
	return p.cmd.ProcessState.ExitCode()
}

// showLogs prints the ends of logs if the test has failed, or a process had a race:
// warnings and worse of workers, who say much.
func showLogs(t *testing.T, dir string) {
	logs, err := filepath.Glob(filepath.Join(dir, "*.log"))
	if err != nil {
		t.Error(err)
	}
	for _, log := range logs {
		text, err := os.ReadFile(log)
		if err != nil {
			t.Error(err)
			continue
		}
		if strings.Contains(string(text), "DATA RACE") {
			t.Errorf("%s: a data race", filepath.Base(log))
		}
		if !t.Failed() {
			continue
		}
		var lines []string
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(filepath.Base(log), "c") || !strings.Contains(line, "level=INFO") {
				lines = append(lines, line)
			}
		}
		t.Logf("--- %s\n%s", filepath.Base(log), strings.Join(lines[max(0, len(lines)-60):], ""))
	}
}

// outcome is how a command ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// run runs g2c to its end.
func run(t *testing.T, within time.Duration, env []string, args ...string) outcome {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), within)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(environment(), env...)
	c.SysProcAttr = dieWithParent()
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("g2c %v: %v", args, err)
	}
	if ctx.Err() != nil {
		t.Fatalf("g2c %v has not ended in %v\n%s", args, within, stderr.String())
	}
	return outcome{c.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must runs g2c and expects it to succeed.
func must(t *testing.T, args ...string) string {
	t.Helper()
	o := run(t, time.Minute, nil, args...)
	if o.code != 0 {
		t.Fatalf("g2c %v: exit code %d\n%s", args, o.code, o.stderr)
	}
	return o.stdout
}

// eventually waits until something is so.
func eventually(t *testing.T, within time.Duration, what string, so func() bool) {
	t.Helper()
	timeout := time.After(within)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !so() {
		select {
		case <-timeout:
			t.Fatalf("in %v, not %s", within, what)
		case <-tick.C:
		}
	}
}
