package agent_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
	"g2c/worker/agent"
)

const (
	lease     = 10 * time.Second
	heartbeat = 2 * time.Second
)

// hub is a leader in memory around the real state and scheduler: what a test cuts
// off, it neither hears nor answers.
type hub struct {
	t *testing.T

	mu       sync.Mutex
	state    *state.State
	planner  scheduler.Planner
	sessions map[string]*line
	heard    map[string]time.Time
	cut      map[string]bool
	changed  chan struct{} // closed and made anew with every entry
	lines    int           // of logs that arrived
	points   int
	progress int
	offers   []agent.Offer // of all sessions
	issued   uint64        // incarnation

	suspicions []agent.Suspicion
}

// line is a session as the hub has it.
type line struct {
	hub         *hub
	ctx         context.Context
	hangUp      context.CancelFunc
	worker      string
	incarnation uint64
	down        chan any
	gone        bool
}

func newHub(t *testing.T) *hub {
	return &hub{
		t: t, state: state.New(), sessions: map[string]*line{}, heard: map[string]time.Time{}, cut: map[string]bool{}, changed: make(chan struct{}),
	}
}

// apply commits an entry, plans, and sends records. The lock is held.
func (h *hub) apply(c command.Command) state.Result {
	r := h.commit(c)
	for _, c := range h.planner.Plan(h.state.Snapshot(), time.Now().UnixMilli(), scheduler.DefaultPolicy(), nil).Commands {
		h.commit(c)
	}
	for _, l := range h.sessions {
		l.send(h.record(l.worker))
	}
	close(h.changed)
	h.changed = make(chan struct{})
	return r
}

func (h *hub) commit(c command.Command) state.Result {
	before := h.state.Index()
	r := h.state.Apply(before+1, command.Entry{At: time.Now().UnixMilli(), Command: c})
	if err := h.state.CheckSince(before); err != nil {
		h.t.Errorf("after %+v: %v", c, err)
	}
	return r
}

func (h *hub) record(worker string) agent.Record {
	out := agent.Record{Index: h.state.Index()}
	w := h.state.Worker(worker)
	if w == nil {
		return out
	}
	for _, hold := range w.Allocations {
		t := h.state.TaskAt(hold.Task)
		a := agent.Assignment{Task: t.Work.Key, Generation: hold.Generation, Slots: hold.Slots, Terminating: hold.Terminating}
		if !hold.Terminating {
			a.Work, a.Preempting = t.Work, t.Preempting
			for _, p := range t.Parts {
				a.Gang = append(a.Gang, agent.Part{Worker: p.Worker, Slots: p.Slots})
			}
		}
		out.Assignments = append(out.Assignments, a)
	}
	return out
}

// do applies a command that a test asks for.
func (h *hub) do(c command.Command) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if r := h.apply(c); r.Err != nil {
		h.t.Errorf("%+v: %v", c, r.Err)
	}
}

// until waits for something of the state.
func (h *hub) until(what string, so func(s *state.State) bool) {
	h.t.Helper()
	timeout := time.After(time.Hour)
	for {
		h.mu.Lock()
		ok, changed := so(h.state), h.changed
		h.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			h.t.Fatalf("in an hour, not %s", what)
		}
	}
}

// leases calls workers lost, until ctx is done.
func (h *hub) leases(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		h.mu.Lock()
		for w := range h.state.Workers("") {
			if !w.Lost && time.Since(h.heard[w.ID]) > lease {
				h.apply(command.Lost{Worker: w.ID, Incarnation: w.Incarnation})
				if l := h.sessions[w.ID]; l != nil {
					l.hangUp()
					delete(h.sessions, w.ID)
				}
			}
		}
		h.mu.Unlock()
	}
}

func (h *hub) cutOff(worker string, cut bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.cut[worker] = cut
}

// breakAll ends all sessions, as a leader does that leads no more.
func (h *hub) breakAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, l := range h.sessions {
		l.hangUp()
		delete(h.sessions, id)
	}
}

// Open implements agent.Coordinator.
func (h *hub) Open(ctx context.Context, o agent.Offer) (agent.Session, agent.Welcome, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.cut[o.Worker] {
		h.mu.Unlock()
		<-ctx.Done()
		h.mu.Lock()
		return nil, agent.Welcome{}, ctx.Err()
	}
	h.offers = append(h.offers, o)
	if !o.Named {
		h.issued++
		o.Incarnation = h.issued
	}
	l := &line{hub: h, worker: o.Worker, incarnation: o.Incarnation, down: make(chan any, 10_000)}
	l.ctx, l.hangUp = context.WithCancel(ctx)
	h.heard[o.Worker] = time.Now()
	r := h.apply(command.Join{Worker: o.Worker, Incarnation: o.Incarnation, Class: o.Class, Slots: o.Slots, Host: o.Host, Cached: o.Cached})
	if r.Err != nil {
		return nil, agent.Welcome{}, r.Err
	}
	h.sessions[o.Worker] = l
	l.send(h.record(o.Worker))
	return l, agent.Welcome{Leader: "hub", Incarnation: o.Incarnation, Lease: lease, Heartbeat: heartbeat}, nil
}

func (l *line) send(m any) {
	if !l.hub.cut[l.worker] {
		l.down <- m
	}
}

// say is what every method of Session does first.
func (l *line) say(do func()) error {
	l.hub.mu.Lock()
	defer l.hub.mu.Unlock()
	switch {
	case l.hub.cut[l.worker]: // it vanishes
	case l.ctx.Err() != nil:
		return l.ctx.Err()
	default:
		do()
	}
	return nil
}

func (l *line) Heartbeat(n uint64) error {
	return l.say(func() {
		l.hub.heard[l.worker] = time.Now()
		l.send(agent.Heard{Heartbeat: n})
	})
}

func (l *line) Report(r agent.Report) error {
	return l.say(func() {
		about := command.Report{Task: r.Task, Worker: l.worker, Incarnation: l.incarnation, Generation: r.Generation}
		var c command.Command
		switch r.Kind {
		case agent.Started:
			c = command.Started{Report: about}
		case agent.Done:
			c = command.Done{Report: about}
		case agent.Failed:
			c = command.Failed{Report: about, Reason: r.Reason, Permanent: r.Permanent}
		case agent.Interrupted:
			c = command.Interrupted{Report: about}
		case agent.Released:
			c = command.Released{Report: about}
		}
		a := agent.Answer{Number: r.Number}
		if res := l.hub.apply(c); res.Err != nil {
			a.Refusal = res.Err.Error()
		}
		a.Index = l.hub.state.Index()
		l.send(a)
		l.send(l.hub.record(l.worker))
	})
}

func (l *line) Progress(api.Key, uint64, agent.Progress) error {
	return l.say(func() { l.hub.progress++ })
}

func (l *line) Lines(_ api.Key, _, _ uint64, lines []agent.Line) error {
	return l.say(func() { l.hub.lines += len(lines) })
}

func (l *line) Points(_ api.Key, _ uint64, points []agent.Point) error {
	return l.say(func() { l.hub.points += len(points) })
}

func (l *line) Suspect(_ api.Key, s agent.Suspicion) error {
	return l.say(func() { l.hub.suspicions = append(l.hub.suspicions, s) })
}

func (l *line) Cached(keys []api.Key) error {
	return l.say(func() { l.hub.apply(command.Cache{Worker: l.worker, Incarnation: l.incarnation, Cached: keys}) })
}

func (l *line) Deregister() error {
	return l.say(func() {
		delete(l.hub.sessions, l.worker)
		l.hub.apply(command.Leave{Worker: l.worker})
		l.gone = true
		l.hangUp()
	})
}

func (l *line) Receive() (any, error) {
	select {
	case m := <-l.down:
		return m, nil
	case <-l.ctx.Done():
		l.hub.mu.Lock()
		defer l.hub.mu.Unlock()
		if l.gone {
			return nil, io.EOF
		}
		return nil, errors.New("the session is over")
	}
}

// incarnation is that of a worker's process.
func (h *hub) incarnation(worker string) uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.state.Worker(worker).Incarnation
}
