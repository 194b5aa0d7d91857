package runners

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/agent"
	"g2c/worker/agent/gangport"
)

var notANumber = math.NaN()

// What a task says in its process is what its worker hears.
func TestWhatARunnerSaysIsHeard(t *testing.T) {
	b := newBench(t, 2, play{})
	for n := range 2 {
		r := b.begins(assigned("task", 1))
		if err := r.ends(t); err != nil {
			t.Fatal(err)
		}
		if r.out.Trains() != 1 || !slices.Contains(r.lines, fmt.Sprintf("number %d of 2 slots does task", n+1)) {
			t.Errorf("it trains as %d and says %q", r.out.Trains(), r.lines)
		}
	}
	r := newBench(t, 1, play{}).begins(assigned("task", 1))
	late := time.After(long)
	var said agent.Said
	for len(said.Points) < 2 {
		news := r.out.Take()
		said.Points = append(said.Points, news.Points...)
		if news.Progress != nil {
			said.Progress = news.Progress
		}
		select {
		case <-late:
			t.Fatal("no points")
		case <-time.After(time.Millisecond):
		}
	}
	if p := said.Points; p[0].Name != "loss" || p[0].Step != 3 || !math.IsNaN(p[0].Value) || p[1].Value != 0.5 {
		t.Errorf("%+v", p)
	}
	if p := said.Progress; p == nil || *p != (agent.Progress{Step: 3, Steps: 4, Note: "near the end"}) {
		t.Errorf("%+v", p)
	}
	if err := r.ends(t); err != nil {
		t.Error(err)
	}
}

// A run hears of every next generation, and whom it suspects is heard.
func TestARunnerLivesThroughGenerations(t *testing.T) {
	b := newBench(t, 4, play{Do: "generations"})
	r := b.begins(assigned("task", 1))
	r.until(t, "generation 1 on 1 slots with w1")
	r.gang.Change(assigned("task", 2, "w2"))
	r.until(t, "generation 2 on 2 slots with w2")
	r.gang.Change(assigned("task", 3, "w2", "w3"))
	r.until(t, "generation 3 on 3 slots with w3")
	r.gang.Change(assigned("task", 4, "w2"))
	if err := r.ends(t); err != nil {
		t.Fatal(err)
	}
	if s := r.out.Suspicion(); r.out.Trains() != 3 || s == nil || s.Generation != 4 || fmt.Sprint(s.Workers) != "[w2]" || s.Reason != "it is silent" {
		t.Errorf("it trains as %d and suspects %+v", r.out.Trains(), s)
	}
}

// An outcome means the same to the agent as if the task had run in its process.
func TestOutcomesMeanTheSame(t *testing.T) {
	for name := range classes {
		if name == "device lost" { // it is looked into: TestALostDeviceIsLookedInto
			continue
		}
		t.Run(name, func(t *testing.T) {
			p := play{Do: "error", Class: name}
			_, got := newBench(t, 1, p).does("task")
			want := (&player{play: p}).fails()
			if got == nil || got.Error() != want.Error() {
				t.Fatalf("%v, want %v", got, want)
			}
			for _, class := range classes {
				if errors.Is(got, class) != errors.Is(want, class) {
					t.Errorf("%v is %v: %v", got, class, errors.Is(got, class))
				}
			}
		})
	}
	if _, err := newBench(t, 1, play{Do: "error"}).does("task"); err == nil || err.Error() != errPlain.Error() || fault.ExitCode(err) != fault.ExitTraining {
		t.Errorf("%v", err)
	}
	r, err := newBench(t, 1, play{Do: "unprepared"}).does("task")
	if !errors.Is(err, fault.ErrUnavailable) || err.Error() != "the store is away (come again)" || !slices.Contains(r.lines, err.Error()) {
		t.Errorf("%v; %q", err, r.lines)
	}
}

// Whatever ends a task's process is the failure of that task, says why, and leaves another
// of the same worker alone.
func TestWhateverEndsARunner(t *testing.T) {
	for _, c := range []struct {
		do           string
		reason, line string // parts of what is said
	}{
		{"panic", "panic: a fault of the task", "goroutine "},
		{"crash", "signal 6 (aborted): panic: a fault", "in another goroutine"},
		{"exit", "exit code 3 and without a result", "exit code 3"},
		{"killed", "signal 9 (killed); ", "signal 9"},
		{"garbage", "by the worker: runners: not a frame", "not a frame"},
	} {
		t.Run(c.do, func(t *testing.T) {
			t.Setenv("GOTRACEBACK", "crash")
			b := newBench(t, 2, play{Do: "wait"})
			other := b.begins(assigned("other", 1))
			pid := other.until(t, "pid ")
			b.cfg.Settings = settings(play{Do: c.do})
			r, err := b.does("task")
			text := strings.Join(r.lines, "\n")
			if err == nil || !strings.Contains(err.Error(), c.reason) || !strings.Contains(text, c.line) {
				t.Errorf("%v\n%s", err, text)
			}
			if c.do != "panic" && (!errors.Is(err, fault.ErrUnavailable) || errors.Is(err, fault.ErrTraining) || !strings.HasPrefix(err.Error(), "task: its process ")) {
				t.Errorf("%v", err)
			}
			if c.do == "killed" && !strings.Contains(err.Error(), "memory") {
				t.Errorf("%v", err)
			}
			if !runs(t, pid) {
				t.Error("the other task's process is gone")
			}
			other.stop(agent.ErrSave)
			if err := other.ends(t); !errors.Is(err, fault.ErrInterrupted) || !slices.Contains(other.lines, "told: "+agent.ErrSave.Error()) {
				t.Errorf("%v; %q", err, other.lines)
			}
			if len(b.free) != 2 {
				t.Errorf("%d slots are free", len(b.free))
			}
		})
	}
}

// runs says whether there is a process of a number.
func runs(t *testing.T, pid string) bool {
	t.Helper()
	n, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n))
	return err == nil && !strings.Contains(string(b), ") Z ")
}

// A run is told why it is to end, and what it never obeys is killed.
func TestARunThatHangsIsKilled(t *testing.T) {
	b := newBench(t, 1, play{Do: "wait"})
	for _, why := range []error{agent.ErrSave, agent.ErrStop, errors.New("another cause")} {
		r := b.begins(assigned("task", 1))
		r.until(t, "pid ")
		r.stop(why)
		if err := r.ends(t); !errors.Is(err, fault.ErrInterrupted) || !slices.Contains(r.lines, "told: "+why.Error()) {
			t.Errorf("%v; %q", err, r.lines)
		}
	}
	b.cfg.Settings = settings(play{Do: "prepare"})
	r := b.begins(assigned("task", 1))
	r.stop(agent.ErrSave)
	if err := r.ends(t); !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("%v", err)
	}
	b.cfg.Settings = settings(play{Do: "hang"})
	r = b.begins(assigned("task", 1))
	pid := r.until(t, "pid ")
	r.stop(agent.ErrStop)
	b.Kill(assigned("another", 1).Task)
	b.Kill(r.task)
	if err := r.ends(t); !errors.Is(err, fault.ErrUnavailable) || !strings.Contains(err.Error(), "by the worker") || strings.Contains(err.Error(), "memory") || runs(t, pid) {
		t.Errorf("%v", err)
	}
}

// Slots are lent and given back, one run waits for another's, and what a dead process had is
// free.
func TestSlotsComeBack(t *testing.T) {
	b := newBench(t, 4, play{Do: "slots", Slots: []int{1, 4, 2, 3, 0, 4}})
	r, err := b.does("task")
	if err != nil || strings.Join(r.lines[1:], ", ") != "has 1, has 4, has 2, has 3, has 0, has 4" || len(b.free) != 4 {
		t.Errorf("%v; %q, and %d are free", err, r.lines, len(b.free))
	}
	taken := []int{<-b.free, <-b.free}
	b.cfg.Settings = settings(play{Do: "slots", Slots: []int{2, 3}})
	r = b.begins(assigned("task", 1))
	r.until(t, "has 2")
	for _, n := range taken {
		b.free <- n
	}
	if err := r.ends(t); err != nil {
		t.Error(err)
	}
	b.cfg.Settings = settings(play{Do: "slots", Slots: []int{5}})
	if _, err := b.does("task"); !errors.Is(err, fault.ErrUnavailable) || !strings.Contains(err.Error(), "asks for 5 of 4") {
		t.Errorf("%v", err)
	}
	taken = []int{<-b.free, <-b.free}
	b.cfg.Settings = settings(play{Do: "slots", Slots: []int{1, 3}})
	r = b.begins(assigned("task", 1))
	r.until(t, "has 1")
	r.stop(agent.ErrStop)
	if err := r.ends(t); !errors.Is(err, fault.ErrInterrupted) || len(b.free) != 2 {
		t.Errorf("%v, and %d are free", err, len(b.free))
	}
}

// Connections of other workers come to the task that they name.
func TestGuestsComeToTheirTask(t *testing.T) {
	b := newBench(t, 1, play{Do: "guests"})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.cfg.Port = gangport.Open(l, gangport.Config{})
	defer b.cfg.Port.Close()
	for range 2 { // runs of the same task
		answers := make(chan error, 2)
		for i := range 2 { // before there is a run, or after
			go func() {
				c, err := gangport.Dial(t.Context(), l.Addr().String(), assigned("task", 1).Task, long)
				if err != nil {
					answers <- err
					return
				}
				defer c.Close()
				word := fmt.Sprint("who", i)
				var b [4]byte
				if _, err = c.Write([]byte(word)); err == nil {
					_, err = c.Read(b[:])
				}
				if err == nil && string(b[:]) != word {
					err = fmt.Errorf("%q", b)
				}
				answers <- err
			}()
		}
		r := b.begins(assigned("task", 1))
		for range 2 {
			if err := <-answers; err != nil {
				t.Error(err)
			}
		}
		if err := r.ends(t); err != nil {
			t.Error(err)
		}
	}
}

// A device that is lost to a task's process is looked into: found well, only the task has
// failed.
func TestALostDeviceIsLookedInto(t *testing.T) {
	for _, ill := range []bool{false, true} {
		_, err := newBench(t, 2, play{Do: "error", Class: "device lost", Ill: ill}).does("task")
		if !errors.Is(err, fault.ErrUnavailable) || errors.Is(err, kernels.ErrLost) != ill || !strings.Contains(err.Error(), "a card is lost to this process") {
			t.Errorf("ill %v: %v", ill, err)
		}
		if ill && !strings.Contains(err.Error(), "slots [0] are ill") {
			t.Errorf("%v", err)
		}
	}
}

// What a host has is found by a process that ends.
func TestProbe(t *testing.T) {
	b := newBench(t, 2, play{})
	if found, err := Probe(t.Context(), b.cfg, 0, 1); err != nil || found != (Found{Device: "play", Class: "class of [0 1]"}) {
		t.Errorf("%+v, %v", found, err)
	}
	b.cfg.Settings = settings(play{Ill: true})
	if _, err := Probe(t.Context(), b.cfg, 1); !errors.Is(err, fault.ErrUnavailable) || err.Error() != "slots [1] are ill" {
		t.Errorf("%v", err)
	}
	b.cfg.Settings = settings(play{Do: "crash"})
	if _, err := Probe(t.Context(), b.cfg, 0); !errors.Is(err, fault.ErrUnavailable) || !strings.Contains(err.Error(), "panic: the driver has a fault") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	b.cfg.Settings = settings(play{})
	if _, err := Probe(ctx, b.cfg, 0); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

// A command that cannot be started is the host's failure.
func TestNoProcess(t *testing.T) {
	b := newBench(t, 1, play{})
	b.cfg.Command = func(string) *exec.Cmd { return exec.Command("/nowhere/g2c") }
	if _, err := b.does("task"); !errors.Is(err, fault.ErrUnavailable) || !strings.Contains(err.Error(), "start a process") {
		t.Errorf("%v", err)
	}
	if _, err := Probe(t.Context(), b.cfg, 0); !errors.Is(err, fault.ErrUnavailable) {
		t.Errorf("%v", err)
	}
}

// Runners are told to read their certificates anew.
func TestReload(t *testing.T) {
	b := newBench(t, 1, play{Do: "reload"})
	r := b.begins(assigned("task", 1))
	r.until(t, "pid ")
	b.Reload()
	if err := r.ends(t); err != nil {
		t.Error(err)
	}
}

// A worker that is killed leaves no runner behind, though the task hangs.
func TestNoRunnerIsLeft(t *testing.T) {
	newBench(t, 1, play{}) // skips where there are none
	for _, stopped := range []bool{false, true} {
		self, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		worker := exec.Command(self, asWorker)
		out, err := worker.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := worker.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		lines.Scan()
		pid, ok := strings.CutPrefix(lines.Text(), "pid ")
		if !ok {
			t.Fatal(lines.Text())
		}
		if stopped { // it cannot see that its worker is gone
			n, err := strconv.Atoi(pid)
			if err != nil {
				t.Fatal(err)
			}
			if err := syscall.Kill(n, syscall.SIGSTOP); err != nil {
				t.Fatal(err)
			}
		}
		if err := worker.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = worker.Wait() // it was killed
		for late := time.After(long); runs(t, pid); {
			select {
			case <-late:
				t.Fatalf("process %s is left", pid)
			case <-time.After(time.Millisecond):
			}
		}
	}
}
