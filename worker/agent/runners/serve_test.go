package runners

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"g2c/internal/fault"
	"g2c/worker/agent"
)

// inside is a runner in this process, and its worker's end.
func inside(t *testing.T, w *Worker) (*conn, <-chan error, <-chan error) {
	t.Helper()
	worker, file, err := pair()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { worker.close() })
	if w.conn, err = newConn(file); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.conn.close() })
	served, ran := make(chan error, 1), make(chan error, 1)
	go func() {
		served <- w.Serve(look, func(context.Context, Job) (agent.Executor, func(), error) { return waiter{ran}, func() {}, nil })
	}()
	return worker, served, ran
}

// waiter runs until it is told to end, and says why.
type waiter struct{ ran chan<- error }

// Run implements agent.Executor.
func (w waiter) Run(ctx context.Context, _ *agent.Gang, _ *agent.Output) error {
	<-ctx.Done()
	w.ran <- context.Cause(ctx)
	return fault.New(fault.ErrInterrupted, "it waited")
}

func after(t *testing.T, c <-chan error) error {
	t.Helper()
	select {
	case err := <-c:
		return err
	case <-time.After(long):
		t.Fatal("nothing happens")
		return nil
	}
}

// A worker that stands still is left: the task may save its state, and the process ends. One
// that says that it lives is not.
func TestASilentWorkerIsLeft(t *testing.T) {
	worker, served, ran := inside(t, &Worker{Patience: 600 * time.Millisecond, Farewell: long})
	a := assignmentOf(assigned("task", 1), true)
	if err := worker.send(kindTask, job{Settings: settings(play{}), Slots: 1, Assignment: a}); err != nil {
		t.Fatal(err)
	}
	for range 150 { // several times its patience
		if err := worker.send(kindAlive, nil); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-served:
			t.Fatalf("it has left a worker that lives: %v", err)
		case <-time.After(10 * time.Millisecond):
		}
	}
	if why := after(t, ran); !errors.Is(why, agent.ErrStop) {
		t.Errorf("it ended for %v", why)
	}
	if err := after(t, served); !errors.Is(err, ErrSilent) || fault.ExitCode(err) != fault.ExitUnavailable {
		t.Errorf("%v", err)
	}
}

// A worker that is gone is left at once, and what it says wrongly is not obeyed.
func TestAWorkerThatIsNone(t *testing.T) {
	begin := func(worker *conn) error {
		return worker.send(kindTask, job{Settings: settings(play{}), Slots: 1, Assignment: assignmentOf(assigned("task", 1), true)})
	}
	for name, c := range map[string]struct {
		says func(worker *conn) error
		want error
	}{
		"gone before it begins": {func(worker *conn) error { return worker.socket.Close() }, ErrGone},
		"gone":                  {func(worker *conn) error { return errors.Join(begin(worker), worker.socket.Close()) }, ErrGone},
		"no job":                {func(worker *conn) error { return worker.send(kindTask, job{}) }, ErrFrame},
		"no task":               {func(worker *conn) error { return worker.send(kindAlive, job{}) }, ErrFrame},
		"slots unasked": {func(worker *conn) error {
			return errors.Join(begin(worker), worker.send(kindSlots, slots{}), worker.send(kindSlots, slots{}))
		}, ErrFrame},
		"a runner's word": {func(worker *conn) error { return errors.Join(begin(worker), worker.send(kindOutcome, ended{})) }, ErrFrame},
		"a gang of nobody": {func(worker *conn) error {
			return errors.Join(begin(worker), worker.send(kindChange, assignment{Slots: 1}))
		}, ErrFrame},
		"no connection":      {func(worker *conn) error { return errors.Join(begin(worker), worker.send(kindConnection, nil)) }, ErrFrame},
		"what is no message": {func(worker *conn) error { return errors.Join(begin(worker), worker.send(kindEnd, []int{1})) }, ErrFrame},
	} {
		t.Run(name, func(t *testing.T) {
			worker, served, _ := inside(t, &Worker{})
			if err := c.says(worker); err != nil {
				t.Fatal(err)
			}
			if err := after(t, served); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
	bad := assignmentOf(assigned("task", 1), true)
	bad.Work = bad.Work[:len(bad.Work)/2]
	worker, served, _ := inside(t, &Worker{})
	if err := worker.send(kindTask, job{Assignment: bad}); err != nil {
		t.Fatal(err)
	}
	if err := after(t, served); err == nil {
		t.Error("half a work was taken")
	}
}

// Whoever starts a runner by hand is told what it is.
func TestARunnerWithoutAWorker(t *testing.T) {
	if _, err := newConn(os.NewFile(^uintptr(0)>>33, "nothing")); err == nil {
		t.Error("a descriptor that is not open is a worker")
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := newConn(r); err == nil {
		t.Error("a pipe is a worker")
	}
}

// What is kept of a process's last words is how a crash begins, or else the end; all of it is
// passed on.
func TestLastWords(t *testing.T) {
	for _, c := range []struct{ said, reason, first, last string }{
		{"", "", "", ""},
		{"one\ntwo\r\n", "two", "one", "two"},
		{"one\npanic: it\nbroke\n", "panic: it", "panic: it", "broke"},
		{strings.Repeat("a line\n", 100) + "the last", "the last", "a line", "the last"},
		{"fatal error: all\n" + strings.Repeat("goroutine\n", 1000), "fatal error: all", "fatal error: all", "goroutine"},
		{strings.Repeat("x", 200_000) + "\nend\n", "end", strings.Repeat("x", maxWordBytes), "end"},
	} {
		var passed strings.Builder
		w := &lastWords{to: &passed}
		w.read(io.MultiReader(strings.NewReader(c.said)))
		first, last := "", ""
		if l := w.lines(); len(l) > 0 {
			first, last = l[0], l[len(l)-1]
		}
		if w.reason() != c.reason || first != c.first || last != c.last || passed.String() != c.said || len(w.lines()) > maxCrash {
			t.Errorf("%.40q: %.40q, from %.40q to %.40q", c.said, w.reason(), first, last)
		}
	}
}

// A control group says how many processes memory has cost it.
func TestMemoryKills(t *testing.T) {
	for events, want := range map[string]int{
		"low 0\nhigh 0\nmax 7\noom 3\noom_kill 2\noom_group_kill 0\n": 2, "oom_kill 0": 0, "oom 3\n": -1, "oom_kill many\n": -1, "": -1,
	} {
		if n, ok := killsIn(events); ok != (want >= 0) || ok && n != want {
			t.Errorf("%q: %d, %v", events, n, ok)
		}
	}
	for _, c := range []struct {
		before memoryWatch
		says   string
	}{{memoryWatch{}, "probably"}, {memoryWatch{kills: -1, known: true}, "one more process"}, {memoryWatch{kills: 1 << 40, known: true}, "may have run out"}} {
		if _, known := memoryKills(); !known && c.before.known {
			continue // this system does not say
		}
		if text := c.before.verdict(); !strings.Contains(text, c.says) {
			t.Errorf("%+v: %s", c.before, text)
		}
	}
}

// A body that is too long is not sent.
func TestFramesHaveBounds(t *testing.T) {
	if _, err := appendFrame(nil, kindSaid, said{Lines: []string{strings.Repeat("x", maxBody)}}); !errors.Is(err, ErrFrame) {
		t.Errorf("%v", err)
	}
	if _, err := appendFrame(nil, kindSaid, make(chan int)); err == nil {
		t.Error("a channel was sent")
	}
}

// FuzzFrames has a runner send whatever there is: its worker takes it for what it is, and no
// slot is lost or made.
func FuzzFrames(f *testing.F) {
	add := func(parts ...any) {
		var b []byte
		var err error
		for i := 0; i < len(parts); i += 2 {
			if b, err = appendFrame(b, parts[i].(kind), parts[i+1]); err != nil {
				f.Fatal(err)
			}
		}
		f.Add(b)
	}
	add(kindSaid, said{Lines: []string{"a"}, Began: 1, Suspicion: &agent.Suspicion{}, Progress: &agent.Progress{}, Points: []point{{"loss", 1, 7}}}, kindOutcome, ended{})
	add(kindWant, want{1}, kindOutcome, ended{outcomeOf(fault.New(fault.ErrData, "bad"))})
	add(kindWant, want{1}, kindGive, slots{Numbers: []int{0}}, kindGive, slots{Numbers: []int{0}})
	add(kindWant, want{-1})
	add(kindWant, want{3})
	add(kindConnection, nil)
	add(kindAlive, nil, kindTask, job{}, kindFound, Found{})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, byte(kindSaid)})
	f.Add([]byte{9, 0, 0, 0, byte(kindOutcome), '{'})
	f.Fuzz(func(t *testing.T, b []byte) {
		ours, file, err := pair()
		if err != nil {
			t.Fatal(err)
		}
		theirs, err := newConn(file)
		if err != nil {
			t.Fatal(err)
		}
		e := New(Config{Slots: 2})
		r := newRun(e, &process{conn: ours}, agent.NewGang(assigned("task", 1)), agent.NewOutput(time.Now, func() {}))
		r.helpers.Go(func() { r.lend(t.Context()) })
		go func() {
			theirs.socket.Write(b) // as far as it is read
			theirs.socket.CloseWrite()
		}()
		verdict, err := r.hear()
		r.end()
		theirs.close()
		ours.socket.SetWriteDeadline(time.Now())
		r.helpers.Wait()
		ours.close()
		r.giveBack()
		if len(e.free) != 2 {
			t.Errorf("%d slots are free", len(e.free))
		}
		if verdict != nil {
			if again := outcomeOf(verdict.err()); again.Text != verdict.Text || err != nil {
				t.Errorf("%+v, %v", verdict, err)
			}
		}
	})
}

// FuzzAssignments reads whatever a worker may send as a job: what is taken is a task with a
// gang.
func FuzzAssignments(f *testing.F) {
	b, err := json.Marshal(assignmentOf(assigned("task", 1, "w2"), true))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"Slots":1,"Gang":[{}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var a assignment
		if json.Unmarshal(b, &a) != nil {
			return
		}
		got, err := a.read(nil)
		if err == nil && (got.Work == nil || got.Task != got.Work.Task.Key() || got.Slots < 1 || len(got.Gang) == 0) {
			t.Errorf("%+v", got)
		}
	})
}
