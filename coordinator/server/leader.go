package server

import (
	"context"
	"hash/fnv"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/scheduler"
	"g2c/coordinator/state"
)

// leadership is what lasts as long as this coordinator leads.
type leadership struct {
	*Server
	ctx   context.Context
	began time.Time

	plan    atomic.Pointer[scheduler.Plan] // the last one; nil before the first
	history history

	mu       sync.Mutex
	sessions map[string]*session  // by worker
	heard    map[string]time.Time // by worker: when its last heartbeat came that was answered

	turns [64]sync.Mutex // of workers that join
}

// turn is the lock of a worker's joins.
func (r *leadership) turn(worker string) *sync.Mutex {
	h := fnv.New32a()
	h.Write([]byte(worker))
	return &r.turns[h.Sum32()%uint32(len(r.turns))]
}

// lead is a leadership, from beginning to end.
func (s *Server) lead(ctx context.Context) {
	r := &leadership{Server: s, ctx: ctx, began: s.cfg.Clock.Now(), sessions: map[string]*session{}, heard: map[string]time.Time{}}
	s.cfg.Log.Info("this coordinator leads now", "index", s.cfg.Replica.Snapshot().Index())
	seen := s.cfg.Replica.Snapshot().Index() // before there are sessions: what changes for them comes after it
	s.setLeadership(r)
	var loops sync.WaitGroup
	loops.Go(func() { r.dispatch(seen) })
	for _, loop := range []func(){r.planAgain, r.watchLeases, r.keepHouse, r.raiseNew, r.recordRefusals, r.watchdog, r.reconcile, r.expel} {
		loops.Go(loop)
	}
	<-ctx.Done()
	s.setLeadership(nil)
	loops.Wait()
	s.cfg.Log.Info("this coordinator leads no more")
}

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
			r.cfg.Log.Info("raising the level of a new cluster is put off", "level", command.Level, "why", err)
			said = true
		}
		if !r.pause(raiseEvery) {
			return
		}
	}
}

// raiseFresh raises the level of a cluster in which nothing was ever submitted. It says
// whether the cluster still waits for that, and why.
func (s *Server) raiseFresh(ctx context.Context) (waits bool, err error) {
	snapshot := s.cfg.Replica.Snapshot()
	if snapshot.Level() >= command.Level || snapshot.Submitted() {
		return false, nil
	}
	_, err = s.propose(ctx, command.Entry{Command: command.Raise{Level: command.Level}})
	return err != nil, err
}

// pause waits a while, or reports false when the leadership ends.
func (r *leadership) pause(d time.Duration) bool {
	select {
	case <-r.ctx.Done():
		return false
	case <-r.cfg.Clock.After(d):
		return true
	}
}

// planAgain makes a plan whenever the state has changed, and now and then, since
// some reasons are the clock. What a plan says is written in order; one refusal, and
// the state has moved on: a new plan is made.
func (r *leadership) planAgain() {
	var planner scheduler.Planner
	for r.ctx.Err() == nil {
		snapshot := r.cfg.Replica.Snapshot()
		began := r.cfg.Clock.Now()
		now := began.UnixMilli()
		policy := r.cfg.Policy
		policy.Span = policy.Span && snapshot.Level() >= api.LevelGangs
		plan := planner.Plan(snapshot, now, policy, &estimates{leadership: r, snapshot: snapshot, now: now, answered: map[uint64]estimate{}})
		r.metrics.planned(r.cfg.Clock.Now().Sub(began))
		r.plan.Store(plan)
		r.carryOut(plan)
		select {
		case <-r.ctx.Done():
		case <-r.cfg.Clock.After(r.cfg.PlanEvery):
		case <-r.cfg.Replica.Advanced(snapshot.Index()):
			r.pause(r.cfg.PlanGap)
		}
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
				r.cfg.Log.Debug("the state moved on before a plan was written", "command", commands[i], "why", res.Err)
				return
			}
		}
		if err != nil {
			r.cfg.Log.Warn("a plan could not be written", "why", err)
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

// watchLeases takes workers for lost that have been silent for a whole lease. A
// leader that has just begun has heard of nobody yet, so every lease begins anew
// with it: a worker may have had word from the leader before.
func (r *leadership) watchLeases() {
	for r.pause(r.cfg.Lease / 20) {
		for w := range r.cfg.Replica.Snapshot().Workers("") {
			if !w.Lost && r.silent(w.ID) && r.lose(w.ID) != nil {
				break
			}
		}
		r.forgetSilence()
	}
}

// silent says whether a worker's lease is over.
func (r *leadership) silent(worker string) bool {
	return r.cfg.Clock.Now().Sub(r.heardOf(worker)) > r.cfg.Lease
}

// lose takes a worker for lost, if it is still silent and cannot join meanwhile: one
// that came back between the look and the writing would have its welcome, and go on
// with what others are given.
func (r *leadership) lose(id string) error {
	turn := r.turn(id)
	turn.Lock()
	defer turn.Unlock()
	snapshot := r.cfg.Replica.Snapshot()
	w := snapshot.Worker(id)
	if w == nil || w.Lost || !r.silent(id) {
		return nil
	}
	r.cfg.Log.Warn("worker lost: its lease ran out", "worker", id, "lease", r.cfg.Lease)
	c := command.Lost{Worker: id, Incarnation: w.Incarnation}
	if snapshot.Level() >= api.LevelWishes {
		c.Progress = r.lastWords(snapshot, w)
	}
	_, err := r.propose(r.ctx, command.Entry{Command: c})
	return err
}

// forgetSilence forgets when workers were heard that the state has no more, once they
// could not be told from those of which nothing was ever heard.
func (r *leadership) forgetSilence() {
	snapshot := r.cfg.Replica.Snapshot()
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, at := range r.heard {
		if r.sessions[id] == nil && snapshot.Worker(id) == nil && r.cfg.Clock.Now().Sub(at) > r.cfg.Lease {
			delete(r.heard, id)
		}
	}
}

func (r *leadership) heardOf(worker string) time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := r.heard[worker]; ok {
		return at
	}
	return r.began
}

// hear extends a worker's lease from a time on, once it is certain that this
// coordinator still led at that time. Otherwise the next leader may have begun to
// count before, and would take the worker for lost while it trusts this lease.
func (r *leadership) hear(ctx context.Context, s *session, at time.Time) error {
	if _, err := r.latest(ctx); err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ctx.Err() != nil {
		return r.leadsNoMore()
	}
	if r.sessions[s.worker] != s {
		return rpcerr.New(rpcerr.Replaced, "worker %s has connected anew", s.worker)
	}
	r.heard[s.worker] = at
	return nil
}

// dispatch tells sessions when what their workers are to do may have changed, of all that
// comes after an index.
func (r *leadership) dispatch(seen uint64) {
	for r.ctx.Err() == nil {
		select {
		case <-r.ctx.Done():
			return
		case <-r.cfg.Replica.Advanced(seen):
		}
		snapshot := r.cfg.Replica.Snapshot()
		changes, ok := snapshot.ChangesSince(seen)
		seen = snapshot.Index()
		r.mu.Lock()
		if !ok {
			for _, s := range r.sessions {
				s.ping()
			}
		}
		for _, c := range changes {
			r.touched(snapshot, c)
		}
		r.mu.Unlock()
	}
}

// expel ends the sessions of workers whose certificates are not believed any more, as soon
// as that is so. Watchers and readers of logs look themselves.
func (r *leadership) expel() {
	seen := uint64(0)
	for r.ctx.Err() == nil {
		snapshot := r.cfg.Replica.Snapshot()
		if at := snapshot.AccessIndex(); at > seen {
			seen = at
			r.mu.Lock()
			for _, s := range r.sessions {
				if err := r.still(s.who); err != nil {
					s.cancel(err)
				}
			}
			r.mu.Unlock()
		}
		select {
		case <-r.ctx.Done():
		case <-r.cfg.Replica.Advanced(snapshot.Index()):
		}
	}
}

// touched is called with the lock held.
func (r *leadership) touched(snapshot *state.Snapshot, c state.Change) {
	switch c.Kind {
	case state.WorkerChanged:
		if s := r.sessions[c.Name]; s != nil {
			s.ping()
		}
	case state.TaskChanged:
		t := snapshot.TaskAt(c.Seq)
		if t == nil {
			return
		}
		if t.Status == state.Done {
			r.history.ended(snapshot, t)
		}
		for _, p := range t.Parts {
			if s := r.sessions[p.Worker]; s != nil {
				s.ping()
			}
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
			r.cfg.Log.Warn("forget old experiments", "why", err)
		}
		for w := range r.cfg.Replica.Snapshot().Workers("") {
			if w.Lost && w.Joined < before {
				r.forgetWorker(w.ID)
			}
		}
	}
}

// forgetWorker forgets a worker that is still lost, and cannot join meanwhile.
func (r *leadership) forgetWorker(id string) {
	turn := r.turn(id)
	turn.Lock()
	defer turn.Unlock()
	snapshot := r.cfg.Replica.Snapshot()
	w := snapshot.Worker(id)
	if w == nil || !w.Lost || r.connected(id) {
		return
	}
	if _, err := r.propose(r.ctx, command.Entry{Command: leave(snapshot, id, w.Incarnation)}); err != nil {
		r.cfg.Log.Warn("forget a worker", "worker", id, "why", err)
	}
}

// connected says whether a worker has a session.
func (r *leadership) connected(worker string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sessions[worker] != nil
}

// progressOf is how far a task is, nil if nobody said.
func (r *leadership) progressOf(k api.Key) *apiv1.Progress { return r.journal.progressOf(k) }
