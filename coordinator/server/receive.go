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
	s.Server.sessions.Go(func() {
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
		case <-s.cfg.Clock.After(s.cfg.Heartbeat / 100):
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
	return nil
}

func (s *session) take(m *apiv1.ConnectRequest) error {
	switch v := m.Message.(type) {
	case *apiv1.ConnectRequest_Heartbeat:
		return s.heartbeat(v.Heartbeat)
	case *apiv1.ConnectRequest_Cached:
		return s.cached(v.Cached)
	case *apiv1.ConnectRequest_Progress:
		return s.note(v.Progress.GetTask(), func(k api.Key) { s.journal.progress(k, v.Progress) })
	case *apiv1.ConnectRequest_Logs:
		return s.note(v.Logs.GetTask(), func(k api.Key) { s.journal.logs(k, s.worker, v.Logs) })
	case *apiv1.ConnectRequest_Metrics:
		return s.note(v.Metrics.GetTask(), func(k api.Key) { s.journal.metrics(k, v.Metrics) })
	case *apiv1.ConnectRequest_Suspect:
		return s.suspect(v.Suspect)
	case *apiv1.ConnectRequest_Deregister:
		return s.deregister()
	}
	return rpcerr.New(rpcerr.BadRequest, "worker %s says %T, which this coordinator does not understand", s.worker, m.Message)
}

// heartbeat extends the worker's lease, and joins it again if the state has lost it.
func (s *session) heartbeat(b *apiv1.Heartbeat) error {
	at := s.cfg.Clock.Now()
	if err := s.still(s.who); err != nil {
		return err
	}
	if err := s.hear(s.ctx, s, at); err != nil {
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
		if c, bad = s.commandOf(m); bad == nil {
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

func (s *session) commandOf(m *apiv1.Report) (command.Command, error) {
	k, err := api.ParseKey(m.Task)
	if err != nil {
		return nil, rpcerr.New(rpcerr.BadRequest, "report of %s: %w", s.worker, err)
	}
	r := command.Report{Task: k, Worker: s.worker, Incarnation: s.incarnation, Generation: m.Generation}
	switch m.Kind {
	case apiv1.ReportKind_REPORT_KIND_STARTED:
		return command.Started{Report: r}, nil
	case apiv1.ReportKind_REPORT_KIND_DONE:
		return command.Done{Report: r}, nil
	case apiv1.ReportKind_REPORT_KIND_FAILED:
		return command.Failed{Report: r, Reason: clip(m.Reason, maxReason), Permanent: m.Permanent}, nil
	case apiv1.ReportKind_REPORT_KIND_INTERRUPTED:
		return command.Interrupted{Report: r}, nil
	case apiv1.ReportKind_REPORT_KIND_RELEASED:
		return command.Released{Report: r}, nil
	}
	return nil, rpcerr.New(rpcerr.BadRequest, "report of %s: unknown kind %d", s.worker, m.Kind)
}

// checked holds a report to the store, if there is one: what is done has a final
// manifest, whatever a worker says.
func (s *session) checked(c command.Command) (command.Command, error) {
	done, ok := c.(command.Done)
	if !ok || s.repo == nil {
		return c, nil
	}
	final, err := s.final(s.ctx, done.Task)
	if err != nil {
		return nil, err
	}
	if final {
		return c, nil
	}
	s.cfg.Log.Warn("a worker says that a task is done which has no final manifest", "worker", s.worker, "task", done.Task)
	return command.Failed{Report: done.Report, Reason: "worker " + s.worker + " says that it is done, but the store has no final manifest of it: does the worker use another store?"}, nil
}

// cached tells the state what data the worker has at hand now.
func (s *session) cached(m *apiv1.Cached) error {
	keys, err := fingerprints(m.GetCached())
	if err != nil {
		return err
	}
	r, err := s.propose(s.ctx, command.Entry{Command: command.Cache{Worker: s.worker, Incarnation: s.incarnation, Cached: keys}})
	if err == nil && r.Err == nil {
		s.join.Cached = keys
	}
	return err
}

// note keeps what a worker says of a task that it has or had; of others it has
// nothing to say.
func (s *session) note(task string, keep func(api.Key)) error {
	k, err := api.ParseKey(task)
	if err != nil {
		return rpcerr.New(rpcerr.BadRequest, "note of %s: %w", s.worker, err)
	}
	s.mu.Lock()
	known := s.known[k]
	s.mu.Unlock()
	t := s.cfg.Replica.Snapshot().Task(k)
	if t != nil && (known || t.Home == s.worker) {
		keep(k)
	}
	return nil
}

// deregister forgets a worker that has stopped everything.
func (s *session) deregister() error {
	if _, err := s.propose(s.ctx, command.Entry{Command: leave(s.cfg.Replica.Snapshot(), s.worker, s.incarnation)}); err != nil {
		return err
	}
	s.cfg.Log.Info("worker left", "worker", s.worker)
	return errOver
}
