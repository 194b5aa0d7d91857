package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"g2c/api"
	"g2c/api/rpcerr"
	"g2c/internal/clock"
	"g2c/internal/fault"
	"g2c/kernels"
)

// Config is a worker.
type Config struct {
	Offer       Offer
	Coordinator Coordinator
	Executor    Executor
	Log         *slog.Logger
	// Notice is within what time the worker has to be gone once it is asked to: what has not
	// saved by then is stopped. 0 gives tasks the time that they need.
	Notice time.Duration
	// Elapsed is the clock of the lease; clock.SinceBoot if nil.
	Elapsed func() time.Duration
}

// Times of the loop.
const (
	openLimit   = 1500 * time.Millisecond // of one try to open a session: the lease goes on meanwhile
	retryFirst  = 100 * time.Millisecond  // between tries
	retryMost   = 2 * time.Second
	flushEvery  = 500 * time.Millisecond // what runs have said
	goodbyeTime = 10 * time.Second       // for the last reports, once all has stopped
)

// maxLate is how many of the last tasks a new leader hears the logs of.
const maxLate = 32

// Agent is a worker that runs. Its loop owns everything: sessions, runs and timers
// hand it functions to call.
type Agent struct {
	cfg       Config
	core      *Core
	calls     chan func()
	wake      chan struct{} // has an element if a run has begun
	over      chan struct{} // closed when the loop ends
	runs      map[api.Key]*activity
	late      []*activity // the last that were done, the newest last
	inventory inventory   // data at hand
	link      *link       // nil between sessions
	leaving   bool        // tasks save their state, none begins
	left      bool        // the leader knows that this worker goes
	lost      error       // why it leaves, if nobody asked it to
	dials     context.Context
}

// activity is a run's goroutine.
type activity struct {
	Assignment // the newest
	gang       *Gang
	stop       context.CancelCauseFunc
	output     *Output
	begun      uint64 // the newest generation that the core knows to train
	killed     bool
}

// errStuck ends the process: see stuck.
var errStuck = errors.New("a task did not stop")

// Run serves as a worker until ctx is done; then it lets tasks save their state,
// deregisters and returns nil. It leaves in the same way when a device is lost to the
// host, and returns that error. An error means that the process has to end: a task
// may still be running in it, and what was lost does not come back.
func Run(ctx context.Context, cfg Config) error {
	if cfg.Elapsed == nil {
		cfg.Elapsed = clock.SinceBoot
	}
	dials, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	a := &Agent{
		cfg: cfg, core: NewCore(cfg.Offer.Slots), calls: make(chan func()), wake: make(chan struct{}, 1), over: make(chan struct{}),
		runs: map[api.Key]*activity{}, dials: dials,
	}
	var dialer sync.WaitGroup
	defer dialer.Wait()
	defer hangUp()
	defer close(a.over)
	failed := make(chan error, 1)
	dialer.Go(func() { failed <- a.dial() })
	return a.loop(ctx, failed)
}

// call has the loop call a function; it does nothing once the loop has ended.
func (a *Agent) call(do func()) {
	select {
	case a.calls <- do:
	case <-a.over:
	}
}

// loop is the only place where the core, the runs and the link are touched.
func (a *Agent) loop(ctx context.Context, failed <-chan error) error {
	flush := time.NewTicker(flushEvery)
	defer flush.Stop()
	deadline := time.NewTimer(0)
	defer deadline.Stop()
	stop := ctx.Done()
	var goodbye <-chan time.Time
	for {
		if err := a.tick(); err != nil {
			return err
		}
		a.pump()
		if a.leaving && goodbye == nil && len(a.runs) == 0 {
			goodbye = time.After(goodbyeTime)
		}
		if a.left || a.leaving && a.core.Stranger() {
			return a.lost
		}
		if at, ok := a.core.Deadline(); ok {
			deadline.Reset(max(at-a.cfg.Elapsed(), 0))
		}
		select {
		case do := <-a.calls:
			if err := a.tick(); err != nil { // what was said before a process slept is not obeyed as if it had not
				return err
			}
			do()
		case <-a.wake:
			a.begun()
		case <-flush.C:
			a.flush()
		case <-deadline.C:
		case <-stop:
			stop = nil
			a.leave()
		case <-goodbye:
			a.cfg.Log.Warn("left without deregistering: no coordinator answers")
			return a.lost
		case err := <-failed:
			return err
		}
	}
}

// tick lets time pass in the core, and ends a run by force that does not stop. An error is
// one that nothing ends but the end of the process: the executor cannot, or has tried.
func (a *Agent) tick() error {
	stuck := a.core.Tick(a.cfg.Elapsed())
	if stuck == nil {
		return nil
	}
	r := a.runs[stuck.Task]
	if killer, ok := a.cfg.Executor.(Killer); ok && !r.killed {
		a.cfg.Log.Warn("a task did not stop when it was told to, and is killed", "task", stuck.Work.Name(), "generation", stuck.Generation)
		r.killed = true
		killer.Kill(stuck.Task)
		return nil
	}
	return fault.New(fault.ErrUnavailable, "%s, generation %d: %w when it was told to, so the process ends", stuck.Work.Name(), stuck.Generation, errStuck).
		WithHint("start the worker again; the task goes on from its last checkpoint")
}

// leave has all that runs save its state and end, and then the worker go.
func (a *Agent) leave() {
	if a.leaving {
		return
	}
	a.leaving = true
	a.cfg.Log.Info("leaving: tasks save their state", "tasks", len(a.runs))
	a.core.Drain(a.cfg.Elapsed(), a.cfg.Notice)
}

// pump carries out what the core wants.
func (a *Agent) pump() {
	for _, o := range a.core.Orders() {
		switch o.Kind {
		case Start:
			a.start(o.Assignment)
		case Save:
			a.runs[o.Task].stop(ErrSave)
		case Stop:
			a.runs[o.Task].stop(ErrStop)
		case Change:
			a.change(o.Assignment)
		}
	}
	if a.link == nil {
		return
	}
	if a.core.Silent() {
		a.cfg.Log.Warn("the coordinator does not answer; looking for another", "tasks", len(a.runs))
		a.link.end(rpcerr.New(rpcerr.TooSlow, "the coordinator does not answer"))
		a.link = nil
		return
	}
	for _, r := range a.core.Reports(a.link.sent) {
		a.link.sent = r.Number
		a.link.say(func(s Session) error { return s.Report(r) })
	}
	if a.core.Gone() && !a.link.leaving {
		a.link.leaving = true
		a.link.say(Session.Deregister)
	}
}

// start begins a run.
func (a *Agent) start(as Assignment) {
	ctx, stop := context.WithCancelCause(context.Background())
	r := &activity{Assignment: as, gang: NewGang(as), stop: stop}
	r.output = NewOutput(time.Now, func() {
		select {
		case a.wake <- struct{}{}:
		default:
		}
	})
	r.output.is(as.Generation)
	a.runs[as.Task] = r
	a.cfg.Log.Info("task begins", "task", as.Work.Name(), "key", as.Task.Short(), "generation", as.Generation, "slots", as.Slots)
	go func() {
		err := Execute(ctx, a.cfg.Executor, r.gang, r.output)
		stop(nil)
		a.call(func() { a.ended(r, err) })
	}()
}

// change tells a run what has become of its gang.
func (a *Agent) change(as Assignment) {
	r := a.runs[as.Task]
	r.Assignment = as
	r.output.is(as.Generation)
	a.cfg.Log.Info("task goes on", "task", as.Work.Name(), "key", as.Task.Short(), "generation", as.Generation, "slots", as.Slots, "workers", len(as.Gang))
	r.gang.Change(as)
}

// begun tells the core as what runs train now, and the coordinator whom they suspect.
func (a *Agent) begun() {
	for _, r := range a.runs {
		if g := r.output.Trains(); g > r.begun {
			if r.begun == 0 {
				a.atHand(r.Work.Task.Data())
			}
			r.begun = g
			a.core.Started(r.Task, g)
		}
		a.accuse(r)
	}
}

// accuse tells the coordinator whom a run suspects. Between sessions it waits for the next.
func (a *Agent) accuse(r *activity) {
	if a.link == nil {
		return
	}
	if s := r.output.Suspicion(); s != nil && s.Generation == r.Generation {
		what := "members of a gang do not answer"
		if s.Waited > 0 {
			what = "a gang waits for members"
		}
		a.cfg.Log.Warn(what, "task", r.Work.Name(), "generation", s.Generation, "workers", s.Workers, "why", s.Reason)
		a.link.say(func(on Session) error { return on.Suspect(r.Task, *s) })
	}
}

// atHand notes that a run has read its data, and tells the coordinator.
func (a *Agent) atHand(data api.Key) {
	if !a.inventory.use(data) || a.link == nil {
		return
	}
	keys := a.inventory.sorted()
	a.link.say(func(s Session) error { return s.Cached(keys) })
}

// offer is what a session begins with.
func (a *Agent) offer() Offer {
	offer := make(chan Offer, 1)
	a.call(func() {
		o := a.cfg.Offer
		o.Cached = a.inventory.sorted()
		offer <- o
	})
	select {
	case o := <-offer:
		return o
	case <-a.over:
		return Offer{}
	}
}

func (a *Agent) ended(r *activity, err error) {
	o := outcomeOf(err)
	if o.Kind == Failed {
		a.cfg.Log.Warn("task failed", "task", r.Work.Name(), "generation", r.Generation, "error", err)
	} else {
		a.cfg.Log.Info("task "+o.Kind.String(), "task", r.Work.Name(), "generation", r.Generation)
	}
	a.mention(r)
	delete(a.runs, r.Task)
	if o.Kind == Done {
		a.late = append(a.late, r)
		a.late = a.late[max(0, len(a.late)-maxLate):]
	}
	a.core.Ended(r.Task, o)
	if a.lost == nil && errors.Is(err, kernels.ErrLost) {
		a.lost = fmt.Errorf("the worker ends, its tasks go on elsewhere: %w", err)
		a.leave()
	}
}

// flush sends what runs have said.
func (a *Agent) flush() {
	for _, r := range a.runs {
		a.mention(r)
	}
}

// repeat tells a leader what it may not have heard: logs and curves are kept by the
// leader that they were said to.
func (a *Agent) repeat() {
	for _, r := range a.late {
		r.output.again()
		a.mention(r)
	}
	for _, r := range a.runs {
		r.output.again()
		a.mention(r)
	}
}

func (a *Agent) mention(r *activity) {
	if a.link == nil {
		return
	}
	a.accuse(r)
	n, task, generation := r.output.take(), r.Task, r.Generation
	if n.progress != nil {
		a.link.mention(func(s Session) error { return s.Progress(task, generation, *n.progress) })
	}
	for _, said := range n.said {
		for len(said.lines) > 0 {
			some := atOnce(said.lines)
			first, lines := said.first, said.lines[:some]
			said.first, said.lines = said.first+uint64(some), said.lines[some:]
			a.link.mention(func(s Session) error { return s.Lines(task, said.generation, first, lines) })
		}
	}
	if len(n.points) > 0 {
		a.link.mention(func(s Session) error { return s.Points(task, generation, n.points) })
	}
}

// dial keeps a session open until its context is done, or none can ever be had.
func (a *Agent) dial() error {
	wait, said := retryFirst, ""
	for a.dials.Err() == nil {
		began := time.Now()
		err := a.serve()
		switch {
		case a.dials.Err() != nil:
			return nil
		case errors.Is(err, ErrRefused):
			return err
		case time.Since(began) > retryMost:
			wait, said = retryFirst, ""
		}
		if text := fmt.Sprint(err); text != said {
			said = text
			a.cfg.Log.Warn("no session with the coordinator; trying again", "error", err)
		}
		timer := time.NewTimer(wait/2 + rand.N(wait/2))
		select {
		case <-a.dials.Done():
		case <-timer.C:
		}
		timer.Stop()
		wait = min(2*wait, retryMost)
	}
	return nil
}

// serve opens one session and receives from it until it breaks.
func (a *Agent) serve() error {
	ctx, end := context.WithCancelCause(a.dials)
	defer end(nil)
	late := time.AfterFunc(openLimit, func() { end(rpcerr.New(rpcerr.TooSlow, "no welcome in %v", openLimit)) })
	sent := a.cfg.Elapsed()
	session, welcome, err := a.cfg.Coordinator.Open(ctx, a.offer())
	if !late.Stop() {
		return context.Cause(ctx)
	}
	if err != nil {
		return err
	}
	a.cfg.Log.Info("session with the coordinator", "leader", welcome.Leader, "lease", welcome.Lease)
	l := newLink(session, end)
	a.call(func() {
		a.link = l
		a.named(welcome.Incarnation)
		a.core.Welcome(sent, welcome.Lease, welcome.Heartbeat)
		a.repeat()
	})
	var helpers sync.WaitGroup
	defer helpers.Wait()
	defer end(nil)
	helpers.Go(func() {
		if err := l.send(ctx); err != nil {
			end(err)
		}
	})
	helpers.Go(func() { a.heartbeat(ctx, l, welcome.Heartbeat) })
	err = a.receive(l)
	a.call(func() {
		a.left = a.left || l.leaving && errors.Is(err, io.EOF)
		if a.link == l {
			a.link = nil
		}
	})
	return err
}

// named takes the name that the leader has given to this process. From now on it is
// this one whatever another leader would call it: it may have work under that name.
func (a *Agent) named(incarnation uint64) {
	if incarnation != 0 {
		a.cfg.Offer.Incarnation = incarnation
	}
	a.cfg.Offer.Named = true
}

// heartbeat asks for the lease to go on, again and again.
func (a *Agent) heartbeat(ctx context.Context, l *link, every time.Duration) {
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		a.call(func() {
			l.heartbeat++
			number := l.heartbeat
			l.heartbeats[number] = a.cfg.Elapsed()
			l.say(func(s Session) error { return s.Heartbeat(number) })
		})
	}
}

// receive hands what the leader says to the loop.
func (a *Agent) receive(l *link) error {
	for {
		message, err := l.session.Receive()
		if err != nil {
			return err
		}
		a.call(func() {
			if a.link != l {
				return
			}
			switch m := message.(type) {
			case Heard:
				a.heard(l, m.Heartbeat)
			case Answer:
				if m.Refusal != "" {
					a.cfg.Log.Info("a report changed nothing", "report", m.Number, "because", m.Refusal)
				}
				a.core.Answered(m)
			case Record:
				a.core.Told(m)
			}
		})
	}
}

// heard dates an answer by when its heartbeat was sent.
func (a *Agent) heard(l *link, number uint64) {
	if sent, ok := l.heartbeats[number]; ok {
		a.core.Heard(sent)
	}
	for n := range l.heartbeats {
		if n <= number {
			delete(l.heartbeats, n)
		}
	}
}
