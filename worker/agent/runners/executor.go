package runners

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"g2c/api"
	"g2c/worker/agent"
	"g2c/worker/agent/gangport"
)

// Config is how a worker has its tasks run.
type Config struct {
	// Command is a process that calls Inherited, for a task of a name, or of none to look
	// for devices. Its descriptors and its standard error are set here.
	Command func(task string) *exec.Cmd
	// Settings are what the runner's side needs to know, as JSON of Command's own.
	Settings json.RawMessage
	Slots    int
	Port     *gangport.Port // where other workers come; nil if none do
	Stderr   io.Writer      // for what runners say; their lines do not mix
	Log      *slog.Logger
	// Alive is how often a runner is told that its worker lives; DefaultAlive if 0.
	Alive time.Duration
}

// DefaultAlive is a small part of Patience.
const DefaultAlive = 20 * time.Second

// exitTime is what a process may take to end, once it has said its last word.
const exitTime = 30 * time.Second

// maxPassing bounds the connections on their way to a runner that does not take them.
const maxPassing = 64

// Executor runs each task in a process of its own. It implements agent.Executor.
type Executor struct {
	cfg  Config
	free chan int // slots that nobody has, by number

	mu      sync.Mutex
	running map[api.Key]*run
	number  int // of runs so far
}

var (
	_ agent.Executor = (*Executor)(nil)
	_ agent.Killer   = (*Executor)(nil)
)

// New makes one. It starts nothing.
func New(cfg Config) *Executor {
	cfg.Alive = cmp.Or(cfg.Alive, DefaultAlive)
	e := &Executor{cfg: cfg, free: make(chan int, cfg.Slots), running: map[api.Key]*run{}}
	for i := range cfg.Slots {
		e.free <- i
	}
	return e
}

// Kill implements agent.Killer.
func (e *Executor) Kill(task api.Key) {
	e.mu.Lock()
	r := e.running[task]
	e.mu.Unlock()
	if r != nil {
		r.process.signal(syscall.SIGKILL)
	}
}

// Reload has all runners read their certificates anew.
func (e *Executor) Reload() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, r := range e.running {
		select {
		case r.reload <- struct{}{}:
		default: // it will be told
		}
	}
}

// Run implements agent.Executor.
func (e *Executor) Run(ctx context.Context, g *agent.Gang, out *agent.Output) error {
	a, changed := g.Latest()
	memory := watchMemory()
	p, err := startProcess(e.cfg.Command(a.Work.Name()), e.cfg.Stderr)
	if err != nil {
		return noProcess(err)
	}
	r := newRun(e, p, g, out)
	defer r.giveBack()
	defer p.conn.close()
	if err := e.enter(a.Task, r); err != nil {
		p.signal(syscall.SIGKILL)
		<-p.ended
		return err
	}
	defer e.leave(a.Task)
	e.cfg.Log.Info("runner begins", "task", a.Work.Name(), "key", a.Task.Short(), "process", p.pid())
	if e.cfg.Port != nil {
		defer e.cfg.Port.Take(a.Task, r.connect)()
	}
	verdict, err := r.live(ctx, a, changed)
	if err != nil { // its last word did not come
		if errors.Is(err, ErrFrame) {
			p.signal(syscall.SIGKILL)
		}
		p.await(exitTime)
		return r.lost(a, memory, err)
	}
	p.await(exitTime)
	return r.judge(ctx, a, verdict.err())
}

// enter makes a run known: a task has one at a time.
func (e *Executor) enter(task api.Key, r *run) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running[task] != nil {
		return fmt.Errorf("runners: task %s runs here twice", task.Short())
	}
	e.running[task] = r
	return nil
}

func (e *Executor) leave(task api.Key) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.running, task)
}

// next is the number of a new run, from 1.
func (e *Executor) next() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.number++
	return e.number
}
