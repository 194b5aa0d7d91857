package server

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// leadership is what lasts as long as this coordinator leads.
type leadership struct {
	*replicated
	cfg       Leading
	auth      standing
	artifacts *artifacts
	journal   *journals
	metrics   *metrics
	refused   *refusals
	log       *slog.Logger

	ctx      context.Context
	began    time.Time
	registry *registry
	plan     atomic.Pointer[scheduler.Plan] // the last one; nil before the first
	history  history
	slow     slowness
}

// lead is a leadership, from beginning to end.
func (s *Server) lead(ctx context.Context) {
	r := &leadership{
		replicated: s.replicated, cfg: s.cfg.Leading, auth: s.auth, artifacts: s.artifacts, journal: s.journal, metrics: s.metrics, refused: s.refused, log: s.cfg.Log,
		ctx: ctx, began: s.cfg.Clock.Now(), registry: newRegistry(s.cfg.Clock, s.cfg.Lease),
	}
	r.log.Info("this coordinator leads now", "index", r.Snapshot().Index())
	seen := r.Snapshot().Index() // before there are sessions: what changes for them comes after it
	s.terms.set(r)
	var loops sync.WaitGroup
	loops.Go(func() { r.dispatch(seen) })
	for _, loop := range []func(){r.planAgain, r.watchLeases, r.keepHouse, r.raiseNew, r.recordRefusals, r.watchdog, r.reconcile, r.expel} {
		loops.Go(loop)
	}
	<-ctx.Done()
	s.terms.set(nil)
	loops.Wait()
	r.log.Info("this coordinator leads no more")
}

// late implements term.
func (r *leadership) late(members []scheduler.Late) {
	for _, l := range members {
		r.log.Info("a gang waits for a worker", "task", l.Task.Short(), "generation", l.Generation, "worker", l.Worker, "share", l.Waited)
		r.slow.note(l, r.clock.Now())
	}
}

// over implements term.
func (r *leadership) over() <-chan struct{} { return r.ctx.Done() }

// raiseEvery is how often a new cluster is asked whether all of it runs this release.
const raiseEvery = time.Second

// raiseNew gives a cluster in which nothing was ever submitted the level of this
// release, once no coordinator that answers is of an older one. One that has been in use
// is raised by those who run it, when no older release is to be gone back to.
func (r *leadership) raiseNew() {
	for said := false; ; {
		waits, err := r.raiseFresh(r.ctx)
		if !waits || r.ctx.Err() != nil {
			return
		}
		if !said {
			r.log.Info("raising the level of a new cluster is put off", "level", command.Level, "why", err)
			said = true
		}
		if !r.pause(raiseEvery) {
			return
		}
	}
}

// pause waits a while, or reports false when the leadership ends.
func (r *leadership) pause(d time.Duration) bool {
	select {
	case <-r.ctx.Done():
		return false
	case <-r.clock.After(d):
		return true
	}
}

// planAgain makes a plan whenever the state has changed, and now and then, since
// some reasons are the clock. What a plan says is written in order; one refusal, and
// the state has moved on: a new plan is made.
func (r *leadership) planAgain() {
	var planner scheduler.Planner
	for r.ctx.Err() == nil {
		snapshot := r.Snapshot()
		began := r.clock.Now()
		policy := r.cfg.Policy
		policy.Span = policy.Span && snapshot.Level() >= api.LevelGangs
		plan := planner.Plan(snapshot, began.UnixMilli(), policy, r.estimates(snapshot, began))
		r.metrics.planned(r.clock.Now().Sub(began))
		r.plan.Store(plan)
		r.carryOut(plan)
		select {
		case <-r.ctx.Done():
		case <-r.clock.After(r.cfg.PlanEvery):
		case <-r.Advanced(snapshot.Index()):
			r.pause(r.cfg.PlanGap)
		}
	}
}

// estimates are what this leader knows at a time, for one plan.
func (r *leadership) estimates(snapshot *state.Snapshot, at time.Time) *estimates {
	return &estimates{
		progressOf: r.progressOf, history: &r.history, late: r.slow.late(snapshot, at), slow: r.slow.onto(at),
		snapshot: snapshot, now: at.UnixMilli(), answered: map[uint64]estimate{},
	}
}

// maxTogether is how many commands of a plan are written before it is looked whether
// one was refused.
const maxTogether = 512

// carryOut writes a plan's commands.
func (r *leadership) carryOut(plan *scheduler.Plan) {
	for commands := range slices.Chunk(plan.Commands, maxTogether) {
		entries := make([]command.Entry, len(commands))
		for i, c := range commands {
			entries[i].Command = c
		}
		results, err := r.proposeAll(r.ctx, entries)
		if r.ctx.Err() != nil {
			return
		}
		for i, res := range results {
			if res.Err != nil {
				r.log.Debug("the state moved on before a plan was written", "command", commands[i], "why", res.Err)
				return
			}
		}
		if err != nil {
			r.log.Warn("a plan could not be written", "why", err)
			r.pause(r.cfg.PlanGap)
			return
		}
	}
}

// why says in words why a task is not running, as far as the last plan knows.
func (r *leadership) why(k api.Key) string {
	if plan := r.plan.Load(); plan != nil {
		return plan.Why(k)
	}
	return ""
}

// idle says whether a worker may go, as far as the last plan knows.
func (r *leadership) idle(worker string) bool {
	plan := r.plan.Load()
	return plan != nil && plan.Idle(worker)
}

// watchLeases takes workers for lost that have been silent for a whole lease.
func (r *leadership) watchLeases() {
	for r.pause(r.cfg.Lease / 20) {
		for w := range r.Snapshot().Workers("") {
			if !w.Lost && r.registry.silent(w.ID) && r.lose(w.ID) != nil {
				break
			}
		}
		snapshot := r.Snapshot()
		r.registry.forget(func(id string) bool { return snapshot.Worker(id) != nil })
	}
}

// lose takes a worker for lost, if it is still silent and cannot join meanwhile: one
// that came back between the look and the writing would have its welcome, and go on
// with what others are given.
func (r *leadership) lose(id string) error {
	turn := r.registry.turn(id)
	turn.Lock()
	defer turn.Unlock()
	snapshot := r.Snapshot()
	w := snapshot.Worker(id)
	if w == nil || w.Lost || !r.registry.silent(id) {
		return nil
	}
	r.log.Warn("worker lost: its lease ran out", "worker", id, "lease", r.cfg.Lease)
	c := command.Lost{Worker: id, Incarnation: w.Incarnation}
	if snapshot.Level() >= api.LevelWishes {
		c.Progress = r.lastWords(snapshot, w)
	}
	_, err := r.propose(r.ctx, command.Entry{Command: c})
	return err
}

// hear extends a worker's lease from a time on, once it is certain that this
// coordinator still led at that time. Otherwise the next leader may have begun to
// count before, and would take the worker for lost while it trusts this lease.
func (r *leadership) hear(ctx context.Context, s *session, at time.Time) error {
	if _, err := r.latest(ctx); err != nil {
		return err
	}
	return r.registry.extend(s, at, func() error {
		if r.ctx.Err() != nil {
			return r.leadsNoMore()
		}
		return nil
	})
}

// dispatch tells sessions when what their workers are to do may have changed, of all that
// comes after an index.
func (r *leadership) dispatch(seen uint64) {
	for r.ctx.Err() == nil {
		select {
		case <-r.ctx.Done():
			return
		case <-r.Advanced(seen):
		}
		snapshot := r.Snapshot()
		changes, ok := snapshot.ChangesSince(seen)
		seen = snapshot.Index()
		if !ok {
			r.registry.each((*session).ping)
		}
		for _, c := range changes {
			r.touched(snapshot, c)
		}
	}
}

// expel ends the sessions of workers whose certificates are not believed any more, as soon
// as that is so. Watchers and readers of logs look themselves.
func (r *leadership) expel() {
	seen := uint64(0)
	for r.ctx.Err() == nil {
		snapshot := r.Snapshot()
		if at := snapshot.AccessIndex(); at > seen {
			seen = at
			r.registry.each(func(s *session) {
				if err := r.auth.still(s.who); err != nil {
					s.cancel(err)
				}
			})
		}
		select {
		case <-r.ctx.Done():
		case <-r.Advanced(snapshot.Index()):
		}
	}
}

func (r *leadership) touched(snapshot *state.Snapshot, c state.Change) {
	switch c.Kind {
	case state.WorkerChanged:
		r.registry.ping(c.Name)
	case state.TaskChanged:
		t := snapshot.TaskAt(c.Seq)
		if t == nil {
			return
		}
		if t.Status == state.Done {
			r.history.ended(snapshot, t)
		}
		for _, p := range t.Parts {
			r.registry.ping(p.Worker)
		}
	}
}

// housekeeping is how often what has ended long ago is forgotten.
const housekeeping = time.Hour

// keepHouse forgets what is long over: experiments that ended, and workers that were
// lost and joined before that time and never came back.
func (r *leadership) keepHouse() {
	for r.pause(housekeeping) {
		before := r.nowMS() - r.cfg.Keep.Milliseconds()
		if before <= 0 {
			continue
		}
		if _, err := r.propose(r.ctx, command.Entry{Command: command.Forget{Before: before}}); err != nil {
			r.log.Warn("forget old experiments", "why", err)
		}
		for w := range r.Snapshot().Workers("") {
			if w.Lost && w.Joined < before {
				r.forgetWorker(w.ID)
			}
		}
	}
}

// forgetWorker forgets a worker that is still lost, and cannot join meanwhile.
func (r *leadership) forgetWorker(id string) {
	turn := r.registry.turn(id)
	turn.Lock()
	defer turn.Unlock()
	snapshot := r.Snapshot()
	w := snapshot.Worker(id)
	if w == nil || !w.Lost || r.registry.connected(id) {
		return
	}
	if _, err := r.propose(r.ctx, command.Entry{Command: leave(snapshot, id, w.Incarnation)}); err != nil {
		r.log.Warn("forget a worker", "worker", id, "why", err)
	}
}

// connected says whether a worker has a session.
func (r *leadership) connected(worker string) bool { return r.registry.connected(worker) }

// progressOf is how far a task is, nil if nobody said.
func (r *leadership) progressOf(k api.Key) *apiv1.Progress { return r.journal.progressOf(k) }

// lastWords is the last that was heard of what a worker runs, for a record of its death.
func (r *leadership) lastWords(snapshot *state.Snapshot, w *state.Worker) []command.Progress {
	var out []command.Progress
	for _, a := range w.Allocations {
		if a.Terminating {
			continue
		}
		k := snapshot.TaskAt(a.Task).Work.Key
		out = append(out, command.Progress{Task: k, Step: r.progressOf(k).GetStep(), Words: r.journal.wordsOf(k, maxWords)})
	}
	return out
}
