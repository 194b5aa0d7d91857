package runners

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"g2c/internal/fault"
	"g2c/worker/agent"
	"g2c/worker/agent/gangport"
)

// inherited is the descriptor of a runner's connection to its worker.
const inherited = 3

// Worker is a runner's worker, at the other end of the connection.
type Worker struct {
	conn *conn
	// Patience is how long the worker may say nothing while the connection is there: as
	// long as a task goes on whose coordinator does not answer. DefaultPatience if 0.
	Patience time.Duration
	// Farewell is how long a task may take to end when that is over; DefaultFarewell if 0.
	Farewell time.Duration

	granted chan slots
	reload  chan struct{}
	gone    context.Context // done when the worker is
}

// The patience of a runner.
const (
	DefaultPatience = 10 * time.Minute
	DefaultFarewell = 2 * time.Minute
)

// Errors of a runner that ends without a result.
var (
	// ErrGone is a worker that has ended.
	ErrGone = errors.New("the worker of this process has ended")
	// ErrSilent is one that says nothing for too long.
	ErrSilent = errors.New("the worker of this process says nothing")
)

// Inherited is the worker that started this process as a runner.
func Inherited() (*Worker, error) {
	var is syscall.Stat_t
	err := syscall.Fstat(inherited, &is)
	if err == nil && is.Mode&syscall.S_IFMT != syscall.S_IFSOCK { // it may be the runtime's: it is not to be closed
		err = fmt.Errorf("descriptor %d is no socket", inherited)
	}
	var c *conn
	if err == nil {
		c, err = newConn(os.NewFile(inherited, "worker"))
	}
	if err != nil {
		return nil, fault.New(fault.ErrSpec, "no worker has started this process: %w", err).WithHint("it is for workers alone: see `g2c worker --help`")
	}
	return &Worker{conn: c}, nil
}

// Job is what a runner is to do.
type Job struct {
	Settings    json.RawMessage // Config.Settings of the worker
	Number      int             // of the worker's runs, this one's, from 1
	Slots       int             // of the worker
	Assignment  agent.Assignment
	Lender      *Lender         // of the worker's slots
	Connections net.Listener    // of other workers, for this task
	Reload      <-chan struct{} // says to read certificates anew
}

// Serve does what the worker wants, to its end: finds devices, or runs a task with the
// executor that is made for it. An error is one that the worker has not been told, and the
// process is to end at once: the task may still be running in it.
func (w *Worker) Serve(probe func(settings json.RawMessage, slots []int) (Found, error), prepare func(context.Context, Job) (e agent.Executor, done func(), err error)) error {
	k, body, handed, err := w.conn.receive()
	if handed != nil {
		handed.Close() // it is for nobody yet
	}
	if err != nil {
		return gone(err)
	}
	var j job
	if err := json.Unmarshal(body, &j); err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	switch {
	case k == kindProbe:
		found, err := probe(j.Settings, j.Probe)
		if err != nil {
			return w.conn.send(kindOutcome, ended{outcomeOf(err)})
		}
		return w.conn.send(kindFound, found)
	case k == kindTask && j.Assignment != nil:
		return w.task(j, prepare)
	}
	return fmt.Errorf("%w: a worker begins with kind %d", ErrFrame, k)
}

// gone is the error of a connection that is over.
func gone(err error) error {
	if errors.Is(err, ErrFrame) {
		return err
	}
	if errors.Is(err, io.EOF) {
		return fault.New(fault.ErrUnavailable, "%w", ErrGone)
	}
	return fault.New(fault.ErrUnavailable, "%w: %w", ErrGone, err)
}

// task runs a task.
func (w *Worker) task(j job, prepare func(context.Context, Job) (agent.Executor, func(), error)) error {
	first, err := j.Assignment.read(nil)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancelCause(context.Background())
	defer stop(nil)
	life, over := context.WithCancel(context.Background())
	defer over()
	w.granted, w.reload, w.gone = make(chan slots, 1), make(chan struct{}, 1), life
	g, wake := agent.NewGang(first), make(chan struct{}, 1)
	out := agent.NewOutput(time.Now, func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	})
	guests := gangport.NewListener()
	defer guests.Close()
	heard := make(chan error, 1)
	go func() { heard <- w.hear(ctx, stop, first, g, guests); over() }() // ends with the process
	tells := &teller{conn: w.conn, out: out, wake: wake, stop: make(chan struct{})}
	tells.running.Go(tells.run)
	ran := make(chan error, 1)
	go func() { // may outlive this: then the process ends
		ran <- w.execute(ctx, Job{
			Settings: j.Settings, Number: j.Number, Slots: j.Slots, Assignment: first, Lender: &Lender{w}, Connections: guests, Reload: w.reload,
		}, prepare, g, out)
	}()
	select {
	case result := <-ran:
		told := make(chan error, 1)
		go func() { told <- tells.end(result) }() // may outlive this: then the process ends
		select {
		case err := <-told:
			return err
		case err := <-heard:
			return err
		}
	case err := <-heard:
		if errors.Is(err, ErrSilent) { // it may save its state: the worker stands still, and cannot be asked
			stop(agent.ErrStop) // only now: what ends for it is not to be taken for a result
			select {
			case <-ran:
			case <-time.After(cmp.Or(w.Farewell, DefaultFarewell)):
			}
		}
		return err
	}
}

// execute runs the task, as the worker itself would.
func (w *Worker) execute(ctx context.Context, j Job, prepare func(context.Context, Job) (agent.Executor, func(), error), g *agent.Gang, out *agent.Output) error {
	e, done, err := prepare(ctx, j)
	if err != nil && ctx.Err() != nil { // nothing has failed
		return fault.New(fault.ErrInterrupted, "%s stopped before it began: %w", j.Assignment.Work.Name(), err)
	}
	if err != nil {
		out.Line(err.Error())
		return err
	}
	defer done()
	return agent.Execute(ctx, e, g, out)
}

// hear does what the worker says. It returns when the worker is gone, or silent.
func (w *Worker) hear(ctx context.Context, stop context.CancelCauseFunc, first agent.Assignment, g *agent.Gang, guests *gangport.Listener) error {
	alive, failed := make(chan struct{}, 1), make(chan error, 1)
	go func() { // ends with the process
		for {
			err := w.obey(stop, first, g, guests)
			if err != nil {
				failed <- err
				return
			}
			select {
			case alive <- struct{}{}:
			default:
			}
		}
	}()
	// Only time that this process has seen pass is counted: it may have stood still itself.
	const parts = 60
	tick := time.NewTicker(cmp.Or(w.Patience, DefaultPatience) / parts)
	defer tick.Stop()
	silent := 0
	for {
		select {
		case err := <-failed:
			return err
		case <-alive:
			silent = 0
		case <-tick.C:
			if silent++; silent > parts {
				return fault.New(fault.ErrUnavailable, "%w: for %v", ErrSilent, cmp.Or(w.Patience, DefaultPatience))
			}
		}
	}
}

// obey does the next thing that the worker says.
func (w *Worker) obey(stop context.CancelCauseFunc, first agent.Assignment, g *agent.Gang, guests *gangport.Listener) error {
	k, body, handed, err := w.conn.receive()
	if err != nil {
		return gone(err)
	}
	switch k {
	case kindAlive:
	case kindReload:
		select {
		case w.reload <- struct{}{}:
		default: // it has been told, and has not looked yet
		}
	case kindConnection:
		if guests.Hand(handed) != nil {
			handed.Close() // whoever dialled sees that it is closed
		}
	case kindChange:
		var a assignment
		if err = json.Unmarshal(body, &a); err == nil {
			var next agent.Assignment
			if next, err = a.read(first.Work); err == nil {
				g.Change(next)
			}
		}
	case kindEnd:
		var e end
		if err = json.Unmarshal(body, &e); err == nil {
			stop(e.cause())
		}
	case kindSlots:
		var s slots
		if err = json.Unmarshal(body, &s); err == nil {
			select {
			case w.granted <- s:
			default:
				err = errors.New("slots that nobody has asked for")
			}
		}
	default:
		err = fmt.Errorf("a worker sends kind %d", k)
	}
	if err != nil {
		return fmt.Errorf("%w: %w", ErrFrame, err)
	}
	return nil
}

// Lender is the slots of the worker, of which a runner takes some and gives them back. It
// belongs to the goroutine that trains.
type Lender struct{ w *Worker }

// Take waits for so many more slots, and returns their numbers. It ends when the worker has
// told the task to.
func (l *Lender) Take(_ context.Context, n int) ([]int, error) {
	if n == 0 {
		return nil, nil
	}
	if err := l.w.conn.send(kindWant, want{n}); err != nil {
		return nil, gone(err)
	}
	select {
	case s := <-l.w.granted:
		return s.Numbers, s.Refused.err()
	case <-l.w.gone.Done():
		return nil, fault.New(fault.ErrUnavailable, "%w", ErrGone)
	}
}

// Give gives slots back, whose devices this process has left.
func (l *Lender) Give(numbers []int) error {
	if len(numbers) == 0 {
		return nil
	}
	return l.w.conn.send(kindGive, slots{Numbers: numbers})
}
