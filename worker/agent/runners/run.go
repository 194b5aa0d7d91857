package runners

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"slices"
	"sync"
	"syscall"
	"time"

	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/agent"
)

// run is a task in a runner, as its worker sees it.
type run struct {
	*Executor
	process *process
	gang    *agent.Gang
	out     *agent.Output

	passing chan *net.TCPConn // on their way to the runner
	asked   chan int          // slots that it asks for
	reload  chan struct{}     // it is to read certificates anew
	over    chan struct{}     // closed when nothing more comes of it
	helpers sync.WaitGroup

	mu    sync.Mutex
	held  []int // slots that it has
	had   []int // that it was ever given
	ended bool  // it takes no connections any more
}

func newRun(e *Executor, p *process, g *agent.Gang, out *agent.Output) *run {
	return &run{Executor: e, process: p, gang: g, out: out, passing: make(chan *net.TCPConn, maxPassing), asked: make(chan int, 1), reload: make(chan struct{}, 1), over: make(chan struct{})}
}

// errPassing is a connection for a runner that takes none.
var errPassing = errors.New("runners: the runner takes no connections now")

// connect hands a connection on.
func (r *run) connect(c *net.TCPConn) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return errPassing
	}
	select {
	case r.passing <- c:
		return nil
	default:
		return errPassing
	}
}

// live feeds the runner and hears it until its last word; an error is that of a
// connection on which it never came.
func (r *run) live(ctx context.Context, first agent.Assignment, changed <-chan struct{}) (*outcome, error) {
	ctx, stop := context.WithCancelCause(ctx)
	if err := r.process.conn.send(kindTask, job{Settings: r.cfg.Settings, Number: r.next(), Slots: r.cfg.Slots, Assignment: assignmentOf(first, true)}); err != nil {
		stop(err)
		r.end()
		return nil, err
	}
	r.helpers.Go(func() { r.feed(ctx, changed) })
	r.helpers.Go(func() { r.pass() })
	r.helpers.Go(func() { r.lend(ctx) })
	verdict, err := r.hear()
	r.end()
	stop(errOver)
	_ = r.process.conn.socket.SetWriteDeadline(time.Now()) // whoever sends is told by that, or by the end of the process
	r.helpers.Wait()
	return verdict, err
}

// end has nobody begin anything for the run any more.
func (r *run) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended = true
	close(r.over)
}

// errOver ends what waits for a run that is over.
var errOver = errors.New("runners: the run is over")

// feed tells the runner what becomes of its task.
func (r *run) feed(ctx context.Context, changed <-chan struct{}) {
	alive := time.NewTicker(r.cfg.Alive)
	defer alive.Stop()
	told := ctx.Done()
	for {
		var err error
		select {
		case <-r.over:
			return
		case <-changed:
			var a agent.Assignment
			a, changed = r.gang.Latest()
			err = r.process.conn.send(kindChange, assignmentOf(a, false))
		case <-told:
			told = nil
			err = r.process.conn.send(kindEnd, endOf(context.Cause(ctx)))
		case <-alive.C:
			err = r.process.conn.send(kindAlive, nil)
		case <-r.reload:
			err = r.process.conn.send(kindReload, nil)
		}
		if err != nil {
			return // the connection is over: hear says so
		}
	}
}

// pass hands connections of other workers over.
func (r *run) pass() {
	for {
		select {
		case <-r.over:
			for {
				select {
				case c := <-r.passing:
					c.Close() // nobody has it
				default:
					return
				}
			}
		case c := <-r.passing:
			_ = r.process.conn.pass(c) // the other side sees that it is closed
			c.Close()
		}
	}
}

// lend gives the slots that the runner asks for, as they become free.
func (r *run) lend(ctx context.Context) {
	for {
		var n int
		select {
		case <-r.over:
			return
		case n = <-r.asked:
		}
		answer := slots{}
		for range n {
			select {
			case s := <-r.free:
				answer.Numbers = append(answer.Numbers, s)
				r.mu.Lock()
				r.held, r.had = append(r.held, s), append(r.had, s)
				r.mu.Unlock()
				continue
			case <-ctx.Done():
				answer.Refused = outcomeOf(fault.New(fault.ErrInterrupted, "stopped before it began"))
			}
			break
		}
		if err := r.process.conn.send(kindSlots, answer); err != nil {
			return // the connection is over: hear says so
		}
	}
}

// hear does what the runner says until its last word.
func (r *run) hear() (*outcome, error) {
	for {
		k, body, handed, err := r.process.conn.receive()
		if handed != nil {
			handed.Close() // runners send none
		}
		if err != nil {
			return nil, err
		}
		switch k {
		case kindSaid:
			var s said
			if err = json.Unmarshal(body, &s); err == nil {
				s.tell(r.out)
			}
		case kindWant:
			err = r.wants(body)
		case kindGive:
			err = r.gives(body)
		case kindOutcome:
			var o ended
			if err := json.Unmarshal(body, &o); err != nil {
				return nil, fmt.Errorf("%w: %w", ErrFrame, err)
			}
			return o.Failed, nil
		default:
			err = fmt.Errorf("a runner sends kind %d", k)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFrame, err)
		}
	}
}

func (r *run) wants(body []byte) error {
	var w want
	if err := json.Unmarshal(body, &w); err != nil {
		return err
	}
	r.mu.Lock()
	held := len(r.held)
	r.mu.Unlock()
	if w.Slots < 0 || w.Slots > r.cfg.Slots-held {
		return fmt.Errorf("it has %d slots and asks for %d of %d", held, w.Slots, r.cfg.Slots)
	}
	select {
	case r.asked <- w.Slots:
		return nil
	default:
		return errors.New("it asks for slots before it has an answer")
	}
}

// gives takes slots back. A device that is still open in the runner is nobody else's.
func (r *run) gives(body []byte) error {
	var s slots
	if err := json.Unmarshal(body, &s); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range s.Numbers {
		at := slices.Index(r.held, n)
		if at < 0 {
			return fmt.Errorf("it gives slot %d back, which it has not", n)
		}
		r.held = slices.Delete(r.held, at, at+1)
		r.free <- n
	}
	return nil
}

// giveBack frees what a process had that is gone.
func (r *run) giveBack() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, n := range r.held {
		r.free <- n
	}
	r.held = nil
}

// lost is the failure of a run whose process has ended without its last word: this host's,
// not the task's. What the process said at the end is in the task's log.
func (r *run) lost(a agent.Assignment, memory memoryWatch, why error) error {
	p := r.process
	text := fmt.Sprintf("%s: its process %d %s", a.Work.Name(), p.pid(), p.how())
	hint := ""
	switch said := p.words.reason(); {
	case p.killed():
		text += "; " + memory.verdict()
		hint = "give the worker fewer slots or more memory, or the task a smaller batch"
	case errors.Is(why, ErrFrame):
		text += ", by the worker: " + why.Error()
	case p.wasSent(syscall.SIGKILL):
		text += ", by the worker: it did not end when it was to"
	case said != "":
		text += ": " + said
	}
	for _, line := range p.words.lines() {
		r.out.Line(line)
	}
	r.out.Line(text)
	return fault.New(fault.ErrUnavailable, "%s", text).WithHint("%s", hint)
}

// judge looks at devices of which one was lost to the runner: where another process finds
// all of them well, only the task has failed.
func (r *run) judge(ctx context.Context, a agent.Assignment, err error) error {
	if !errors.Is(err, kernels.ErrLost) {
		return err
	}
	r.mu.Lock()
	had := slices.Clone(r.had)
	r.mu.Unlock()
	slices.Sort(had)
	if _, worse := Probe(context.WithoutCancel(ctx), r.cfg, slices.Compact(had)...); worse != nil {
		return fmt.Errorf("%w; and another process does not find it well: %w", err, worse)
	}
	r.cfg.Log.Warn("a device was lost to a task's process, and is well for another", "task", a.Work.Name(), "error", err)
	return fault.New(fault.ErrUnavailable, "%s", err.Error())
}
