package runners

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"g2c/api"
	"g2c/coordinator/fixture"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/agent"
)

// What this binary is, besides a test: a runner, or a worker that has one.
const (
	asRunner = "as-runner"
	asWorker = "as-worker"
)

func TestMain(m *testing.M) {
	if len(os.Args) > 1 {
		switch os.Args[1] {
		case asRunner:
			os.Exit(beRunner())
		case asWorker:
			os.Exit(beWorker())
		}
	}
	os.Exit(m.Run())
}

// play is what a runner of these tests does, as its settings say.
type play struct {
	Do    string
	Class string        // of an error
	Ill   bool          // devices are not well for a probe
	Slots []int         // how many it has, one after the other
	For   time.Duration // patience of the runner; 0 for the usual
}

func beRunner() int {
	w, err := Inherited()
	if err == nil {
		err = w.Serve(look, func(ctx context.Context, j Job) (agent.Executor, func(), error) {
			p := &player{Job: j}
			if err := json.Unmarshal(j.Settings, &p.play); err != nil {
				return nil, nil, err
			}
			if p.Do == "unprepared" {
				return nil, nil, fault.New(fault.ErrUnavailable, "the store is away").WithHint("come again")
			}
			if p.Do == "prepare" {
				<-ctx.Done()
				return nil, nil, ctx.Err()
			}
			return p, func() {}, nil
		})
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "runner:", err)
		return 9
	}
	return 0
}

// look is what a probe finds.
func look(settings json.RawMessage, slots []int) (Found, error) {
	var p play
	if err := json.Unmarshal(settings, &p); err != nil {
		return Found{}, err
	}
	if p.Do == "crash" {
		panic("the driver has a fault")
	}
	if p.Ill {
		return Found{}, fault.New(fault.ErrUnavailable, "slots %v are ill", slots)
	}
	return Found{Device: "play", Class: fmt.Sprint("class of ", slots)}, nil
}

// player is the executor of a runner.
type player struct {
	Job
	play
}

var errPlain = errors.New("an error of no class")

// Run implements agent.Executor.
func (p *player) Run(ctx context.Context, g *agent.Gang, out *agent.Output) error {
	a, changed := g.Latest()
	out.Line("pid " + fmt.Sprint(os.Getpid()))
	out.Started(a.Generation)
	switch p.Do {
	case "error":
		return p.fails()
	case "panic":
		panic("a fault of the task")
	case "crash":
		go func() { panic("a fault\nin another goroutine") }()
		select {}
	case "exit":
		os.Exit(3)
	case "killed":
		return syscall.Kill(os.Getpid(), syscall.SIGKILL)
	case "garbage":
		_, err := p.Lender.w.conn.socket.Write([]byte("this is no frame"))
		<-ctx.Done()
		return err
	case "hang":
		select {}
	case "wait":
		<-ctx.Done()
		out.Line("told: " + context.Cause(ctx).Error())
		return fault.New(fault.ErrInterrupted, "it waited")
	case "slots":
		return p.resizes(ctx, out)
	case "generations":
		for range 3 {
			out.Line(fmt.Sprintf("generation %d on %d slots with %s", a.Generation, a.Slots, a.Gang[len(a.Gang)-1].Worker))
			out.Started(a.Generation)
			<-changed
			a, changed = g.Latest()
		}
		out.Suspect(agent.Suspicion{Generation: a.Generation, Workers: []string{"w2"}, Reason: "it is silent"})
	case "guests":
		return p.greets()
	case "reload":
		<-p.Reload
	}
	out.Progress(agent.Progress{Step: 3, Steps: 4, Note: "near the end"})
	out.Point("loss", 3, notANumber)
	out.Point("loss", 4, 0.5)
	out.Line("number " + fmt.Sprint(p.Number, " of ", p.Job.Slots, " slots does ", a.Work.Name()))
	return nil
}

func (p *player) fails() error {
	switch class := classes[p.Class]; {
	case p.Class == "device lost":
		if _, err := p.Lender.Take(context.Background(), 1); err != nil {
			return err
		}
		return fault.New(fault.ErrUnavailable, "a card is %w", kernels.ErrLost)
	case class != nil:
		return fmt.Errorf("as it was told: %w", fault.New(class, "it fails").WithHint("do something"))
	}
	return errPlain
}

// resizes has as many slots as it is told, one after the other.
func (p *player) resizes(ctx context.Context, out *agent.Output) error {
	var have []int
	for _, n := range p.play.Slots {
		if n < len(have) {
			if err := p.Lender.Give(have[n:]); err != nil {
				return err
			}
			have = have[:n]
		}
		more, err := p.Lender.Take(ctx, n-len(have))
		if err != nil {
			return err
		}
		have = append(have, more...)
		out.Line(fmt.Sprintf("has %d", len(have)))
	}
	return nil
}

// greets says a word to each of two guests, who come over the worker's port.
func (p *player) greets() error {
	for range 2 {
		c, err := p.Connections.Accept()
		if err != nil {
			return err
		}
		if _, err := io.Copy(c, io.LimitReader(c, 4)); err != nil {
			return err
		}
		if err := c.Close(); err != nil {
			return err
		}
	}
	return nil
}

// beWorker runs a task that hangs, and says in which process.
func beWorker() int {
	e := New(Config{Command: command, Settings: settings(play{Do: "hang"}), Slots: 1, Stderr: os.Stderr, Log: slog.New(slog.DiscardHandler)})
	out := agent.NewOutput(time.Now, func() {})
	go func() {
		for range time.Tick(10 * time.Millisecond) {
			for _, l := range out.Take().Lines {
				fmt.Println(l)
			}
		}
	}()
	fmt.Println(e.Run(context.Background(), agent.NewGang(assigned("hang", 1)), out))
	return 1
}

func command(task string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return exec.Command(self, asRunner, task)
}

func settings(p play) json.RawMessage {
	b, err := json.Marshal(p)
	if err != nil {
		panic(err)
	}
	return b
}

// assigned is a task of a name, as a generation.
func assigned(name string, generation uint64, others ...string) agent.Assignment {
	work := fixture.Work(name, fixture.Options{})
	a := agent.Assignment{Task: work.Key, Generation: generation, Slots: int(generation), Work: &work, Gang: []agent.Part{{Worker: "w1", Slots: 1}}}
	for _, w := range others {
		a.Gang = append(a.Gang, agent.Part{Worker: w, Slots: 1, Host: "h", Address: "a:1"})
	}
	return a
}

// bench is an executor under test.
type bench struct {
	*Executor
	t    *testing.T
	said *strings.Builder // on standard error
}

func newBench(t *testing.T, slots int, p play) *bench {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("workers have runners on Linux alone")
	}
	said := &strings.Builder{}
	return &bench{New(Config{Command: command, Settings: settings(p), Slots: slots, Stderr: said, Log: slog.New(slog.DiscardHandler)}), t, said}
}

// begun is a run that goes on.
type begun struct {
	out   *agent.Output
	gang  *agent.Gang
	task  api.Key
	stop  context.CancelCauseFunc
	ended chan error
	lines []string
}

func (b *bench) begins(a agent.Assignment) *begun {
	b.t.Helper()
	ctx, stop := context.WithCancelCause(b.t.Context())
	r := &begun{out: agent.NewOutput(time.Now, func() {}), gang: agent.NewGang(a), task: a.Task, stop: stop, ended: make(chan error, 1)}
	go func() { r.ended <- b.Run(ctx, r.gang, r.out) }()
	return r
}

const long = time.Minute // more than anything takes

// until waits until a run has said a line that begins so, and gives its rest.
func (r *begun) until(t *testing.T, prefix string) string {
	t.Helper()
	late := time.After(long)
	for {
		r.lines = append(r.lines, r.out.Take().Lines...)
		for _, l := range r.lines {
			if rest, ok := strings.CutPrefix(l, prefix); ok {
				return rest
			}
		}
		select {
		case <-late:
			t.Fatalf("it never said %q: %q", prefix, r.lines)
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// ends waits for the end of a run.
func (r *begun) ends(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.ended:
		r.lines = append(r.lines, r.out.Take().Lines...)
		return err
	case <-time.After(long):
		t.Fatal("it does not end")
		return nil
	}
}

// does runs a task to its end.
func (b *bench) does(name string) (*begun, error) {
	b.t.Helper()
	r := b.begins(assigned(name, 1))
	return r, r.ends(b.t)
}
