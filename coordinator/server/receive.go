package server

import (
	"context"
	"errors"
	"io"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
)

// receive takes what a worker says, in order, and answers. It returns why it ended.
// Reports that wait are written together, so that a worker of many slots does not wait
// for the disks once for each.
func (s *session) receive() error {
	heard := make(chan *apiv1.ConnectRequest, maxHeard)
	s.group.Go(func() {
		if err := s.listen(heard); err != nil {
			s.cancel(err)
		}
	})
	for {
		var m *apiv1.ConnectRequest
		select {
		case m = <-heard:
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
		if m == nil {
			return errOver
		}
		var reports []*apiv1.Report
		for ; m.GetReport() != nil; m = waiting(heard) {
			reports = append(reports, m.GetReport())
		}
		if err := s.reports(reports); err != nil {
			return err
		}
		if m == nil {
			continue
		}
		if err := s.take(m); err != nil {
			return err
		}
	}
}

// waiting is what was heard and not taken yet; nil if there is nothing.
func waiting(heard <-chan *apiv1.ConnectRequest) *apiv1.ConnectRequest {
	select {
	case m := <-heard:
		return m
	default:
		return nil
	}
}

// listen hears a worker until it says no more.
func (s *session) listen(heard chan<- *apiv1.ConnectRequest) error {
	defer close(heard)
	for {
		m, err := s.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil // what was heard is still answered
		}
		if err != nil {
			return err
		}
		if err := s.slow(); err != nil {
			return err
		}
		select {
		case heard <- m:
		case <-s.ctx.Done():
			return nil
		}
	}
}

// slow keeps a worker that says too much from taking the leader's time: it is read
// again when it is its turn.
func (s *session) slow() error {
	for !s.pace.allow(s.worker) {
		select {
		case <-s.clock.After(s.heartbeat / 100):
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
	return nil
}

func (s *session) take(m *apiv1.ConnectRequest) error {
	switch v := m.Message.(type) {
	case *apiv1.ConnectRequest_Heartbeat:
		return s.beat(v.Heartbeat)
	case *apiv1.ConnectRequest_Cached:
		return s.caches(v.Cached)
	case *apiv1.ConnectRequest_Progress:
		return s.note(v.Progress.GetTask(), func(k api.Key) { s.journal.progress(k, v.Progress) })
	case *apiv1.ConnectRequest_Logs:
		return s.note(v.Logs.GetTask(), func(k api.Key) { s.journal.logs(k, s.worker, v.Logs) })
	case *apiv1.ConnectRequest_Metrics:
		return s.note(v.Metrics.GetTask(), func(k api.Key) { s.journal.metrics(k, v.Metrics) })
	case *apiv1.ConnectRequest_Suspect:
		return s.regroup(v.Suspect)
	case *apiv1.ConnectRequest_Deregister:
		return s.deregister()
	}
	return rpcerr.New(rpcerr.BadRequest, "worker %s says %T, which this coordinator does not understand", s.worker, m.Message)
}

// beat extends the worker's lease, and joins it again if the state has lost it.
func (s *session) beat(b *apiv1.Heartbeat) error {
	at := s.clock.Now()
	if err := s.auth.still(s.who); err != nil {
		return err
	}
	if err := s.term.hear(s.ctx, s, at); err != nil {
		return err
	}
	if err := s.joined(false); err != nil {
		return err
	}
	s.say(&apiv1.ConnectResponse{Message: &apiv1.ConnectResponse_Heartbeat{Heartbeat: &apiv1.HeartbeatAnswer{Number: b.GetNumber()}}})
	return nil
}

// reports have the state take a worker's word, or refuse it. Either is an answer.
func (s *session) reports(list []*apiv1.Report) error {
	var entries []command.Entry
	var bad error
	for _, m := range list {
		var c command.Command
		if c, bad = s.report(m); bad == nil {
			c, bad = s.checked(c)
		}
		if bad != nil {
			break // those before it are the worker's word all the same
		}
		entries = append(entries, command.Entry{Command: c})
	}
	if len(entries) == 0 {
		return bad
	}
	ctx, cancel := context.WithTimeout(s.ctx, reportTimeout)
	defer cancel()
	results, err := s.proposeAll(ctx, entries)
	for i, r := range results {
		a := &apiv1.ReportAnswer{Number: list[i].Number, Index: r.Index}
		if r.Err != nil {
			a.Refused = r.Err.Error()
		}
		s.metrics.reported(list[i].Kind, r.Err)
		s.say(&apiv1.ConnectResponse{Message: &apiv1.ConnectResponse_Report{Report: a}})
	}
	if err != nil {
		return err
	}
	return bad
}

// maxReason bounds the words of a failure: what comes after it is in the task's log.
const maxReason = 2000

// checked holds a report to the store, if there is one: what is done has a final
// manifest, whatever a worker says.
func (s *session) checked(c command.Command) (command.Command, error) {
	done, ok := c.(command.Done)
	if !ok || !s.artifacts.kept() {
		return c, nil
	}
	final, err := s.artifacts.final(s.ctx, done.Task)
	if err != nil {
		return nil, err
	}
	if final {
		return c, nil
	}
	s.log.Warn("a worker says that a task is done which has no final manifest", "worker", s.worker, "task", done.Task)
	return command.Failed{Report: done.Report, Reason: "worker " + s.worker + " says that it is done, but the store has no final manifest of it: does the worker use another store?"}, nil
}

// caches tells the state what data the worker has at hand now.
func (s *session) caches(m *apiv1.Cached) error {
	c, err := s.cache(m)
	if err != nil {
		return err
	}
	r, err := s.propose(s.ctx, command.Entry{Command: c})
	if err == nil && r.Err == nil {
		s.cached(c.Cached)
	}
	return err
}

// note keeps what a worker says of a task that it has or had; of others it has
// nothing to say.
func (s *session) note(task string, keep func(api.Key)) error {
	k, ok, err := s.speaksOf(s.Snapshot(), task)
	if ok {
		keep(k)
	}
	return err
}

// regroup has a gang go on without members that do not answer the worker; of those that it
// waits for the next plan decides.
func (s *session) regroup(m *apiv1.Suspect) error {
	if m.Waited > 0 {
		late, err := s.waits(s.Snapshot(), m)
		s.term.late(late)
		return err
	}
	c, ok, err := s.suspects(s.Snapshot(), m)
	if !ok {
		return err
	}
	s.log.Warn("members of a gang do not answer: it goes on without them", "task", c.Task.Short(), "generation", m.Generation,
		"suspects", m.Workers, "reported by", s.worker, "why", clip(m.Reason, maxReason))
	ctx, cancel := context.WithTimeout(s.ctx, reportTimeout)
	defer cancel()
	r, err := s.propose(ctx, command.Entry{Command: c})
	if r.Err != nil {
		s.log.Debug("the state moved on before a gang was regrouped", "task", c.Task.Short(), "why", r.Err)
	}
	return err
}

// deregister forgets a worker that has stopped everything.
func (s *session) deregister() error {
	if _, err := s.propose(s.ctx, command.Entry{Command: s.leaves(s.Snapshot())}); err != nil {
		return err
	}
	s.log.Info("worker left", "worker", s.worker)
	return errOver
}
