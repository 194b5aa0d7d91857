package cluster

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runnerProcess is a process in which a worker runs a task.
type runnerProcess struct {
	pid  int
	task string // its name
}

// runners lists those of a worker.
func (w *worker) runners() (all []runnerProcess) {
	w.t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		w.t.Fatal(err)
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		var parent int
		fields := strings.Fields(string(b[bytes.LastIndexByte(b, ')')+1:]))
		if _, err := fmt.Sscan(fields[1], &parent); err != nil || parent != w.cmd.Process.Pid || fields[0] == "Z" {
			continue
		}
		line, err := os.ReadFile(filepath.Join(filepath.Dir(path), "cmdline"))
		words := strings.Split(strings.TrimSuffix(string(line), "\x00"), "\x00")
		if err != nil || len(words) != 3 || words[1] != "runner" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil {
			w.t.Fatal(err)
		}
		all = append(all, runnerProcess{pid, words[2]})
	}
	return all
}

// ends sends a signal to one of so many runners that run side by side, and says whose it was; "" if it came too late.
func (w *worker) ends(with syscall.Signal, beside int) string {
	w.t.Helper()
	var one runnerProcess
	eventually(w.t, time.Minute, "running tasks", func() bool {
		all := w.runners()
		if len(all) < beside {
			return false
		}
		one = all[0]
		return true
	})
	if syscall.Kill(one.pid, with) != nil {
		return ""
	}
	failed := ""
	eventually(w.t, time.Minute, "rid of a runner", func() bool {
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", one.pid)); err == nil {
			return false
		}
		text, err := os.ReadFile(w.log)
		if err != nil {
			w.t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			f := fieldsOf(line)
			if f["task"] != one.task {
				continue
			}
			if strings.HasPrefix(f["error"], fmt.Sprintf("%s: its process %d was ended by signal ", one.task, one.pid)) {
				failed = f["error"]
			}
		}
		return failed != "" || len(w.runners()) == 0 || !strings.Contains(string(text), fmt.Sprint("process=", one.pid))
	})
	return failed
}

// Whatever ends a task's process is that task's failure, which is tried again: its worker
// lives and the task beside it goes on. When the worker is killed no process is left; when it
// is asked to go, tasks save their state. It ends in the bits of one process.
func TestRunnersDieAlone(t *testing.T) {
	t.Parallel()
	alone, together := t.TempDir(), t.TempDir()
	spec := []string{"--set", "sweep.seeds=[1,2,3,4]", "--set", "finetune.epochs=6"}
	c := newCluster(t)
	c.single("--store", together)
	w := c.addWorker("w1", "--store", together, "--cache", c.path("cache"), "--slots", "cpu:2", "--listen", "127.0.0.1:0")
	experiment := c.submit(append([]string{tiny, "--store", together}, spec...)...)
	for _, end := range []struct {
		signal syscall.Signal
		says   string
	}{{syscall.SIGKILL, "memory"}, {syscall.SIGABRT, "SIGABRT"}, {syscall.SIGSEGV, "SIGSEGV"}} {
		failed := ""
		for range 5 { // it may be over before the signal comes
			if failed = w.ends(end.signal, 2); failed != "" {
				break
			}
		}
		if !strings.Contains(failed, end.says) {
			t.Errorf("after signal %d: %q, want something of %s", end.signal, failed, end.says)
		}
		if !w.alive() {
			t.Fatalf("the worker ended with a runner, after signal %d", end.signal)
		}
	}
	eventually(t, time.Minute, "running tasks", func() bool { return len(w.runners()) == 2 })
	left := w.runners()
	w.kill()
	eventually(t, time.Minute, "rid of runners", func() bool {
		for _, r := range left {
			if _, err := os.Stat(fmt.Sprintf("/proc/%d", r.pid)); err == nil {
				return false
			}
		}
		return true
	})
	c.startWorker(w)
	eventually(t, time.Minute, "running tasks", func() bool { return len(w.runners()) > 0 })
	w.signal(syscall.SIGTERM)
	if code := w.exit(time.Minute); code != 0 || len(w.runners()) > 0 {
		t.Errorf("the worker ended with exit code %d when it was asked to, and left %v", code, w.runners())
	}
	c.startWorker(w)
	all := len(c.ps(experiment))
	c.done(experiment, all, 4*time.Minute)
	c.onceEach(experiment, all)
	must(t, append([]string{"run", tiny, "--store", alone, "--cache", c.path("cache")}, spec...)...)
	want := weights(t, alone)
	if got := weights(t, together); len(want) == 0 || !maps.Equal(got, want) {
		t.Errorf("weights of the cluster %v, of g2c run %v", got, want)
	}
}

// A fine-tuning whose worker is asked to go leaves the step that it has come to, and whoever
// has it next goes on from there.
func TestNothingIsRepeatedAfterAGoodbye(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	g := newGangs(c, nil)
	c.single(c.args...)
	c.args = nil
	w := c.addWorker("w1", "--store", g.store, "--cache", c.path("cache"), "--slots", "cpu:1", "--listen", "127.0.0.1:0")
	experiment := g.begins()
	key := g.finetuning(experiment)
	eventually(t, 3*time.Minute, "fine-tuning", func() bool { return g.progress(key) > 3 })
	w.signal(syscall.SIGTERM)
	if code := w.exit(time.Minute); code != 0 {
		t.Errorf("exit code %d", code)
	}
	reached := g.progress(key)
	c.startWorker(w)
	c.done(experiment, 4, 4*time.Minute)
	var last attendance
	for _, a := range g.attendances() {
		if strings.HasPrefix(key, a.task) {
			last = a
		}
	}
	if last.life != 2 || last.stood < reached || reached <= 3 {
		t.Errorf("process %d went on after step %d, and step %d had been done before", last.life, last.stood, reached)
	}
}
