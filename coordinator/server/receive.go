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

// receive reads what a worker says, in order, and answers. It returns why it ended.
func (s *session) receive() error {
	for {
		m, err := s.stream.Recv()
		if errors.Is(err, io.EOF) {
			return errOver
		}
		if err != nil {
			return err
		}
		if err := s.slow(); err != nil {
			return err
		}
		if err := s.take(m); err != nil {
			return err
		}
	}
}

// slow keeps a worker that says too much from taking the leader's time: it is read
// again when it is its turn.
func (s *session) slow() error {
	for !s.pace.allow(s.worker) {
		select {
		case <-s.cfg.Clock.After(s.cfg.Beat / 100):
		case <-s.ctx.Done():
			return context.Cause(s.ctx)
		}
	}
	return nil
}

func (s *session) take(m *apiv1.ConnectRequest) error {
	switch v := m.Message.(type) {
	case *apiv1.ConnectRequest_Beat:
		return s.beat(v.Beat)
	case *apiv1.ConnectRequest_Report:
		return s.report(v.Report)
	case *apiv1.ConnectRequest_Cached:
		return s.cached(v.Cached)
	case *apiv1.ConnectRequest_Progress:
		return s.note(v.Progress.GetTask(), func(k api.Key) { s.journal.progress(k, v.Progress) })
	case *apiv1.ConnectRequest_Logs:
		return s.note(v.Logs.GetTask(), func(k api.Key) { s.journal.logs(k, s.worker, v.Logs) })
	case *apiv1.ConnectRequest_Metrics:
		return s.note(v.Metrics.GetTask(), func(k api.Key) { s.journal.metrics(k, v.Metrics) })
	case *apiv1.ConnectRequest_Farewell:
		return s.farewell()
	}
	return rpcerr.New(rpcerr.BadRequest, "worker %s says %T, which this coordinator does not understand", s.worker, m.Message)
}

// beat extends the worker's lease, and joins it again if the state has lost it.
func (s *session) beat(b *apiv1.Beat) error {
	at := s.cfg.Clock.Now()
	if err := s.hear(s.ctx, s, at); err != nil {
		return err
	}
	if err := s.joined(false); err != nil {
		return err
	}
	s.say(&apiv1.ConnectResponse{Message: &apiv1.ConnectResponse_Beat{Beat: &apiv1.BeatAnswer{Number: b.GetNumber()}}})
	return nil
}

// report has the state take a worker's word, or refuse it. Either is an answer.
func (s *session) report(m *apiv1.Report) error {
	c, err := s.commandOf(m)
	if err != nil {
		return err
	}
	if c, err = s.checked(c); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(s.ctx, reportTimeout)
	defer cancel()
	r, err := s.propose(ctx, command.Entry{Command: c})
	if err != nil {
		return err
	}
	a := &apiv1.ReportAnswer{Number: m.Number, Index: r.Index}
	if r.Err != nil {
		a.Refused = r.Err.Error()
	}
	s.metrics.reported(m.Kind, r.Err)
	s.say(&apiv1.ConnectResponse{Message: &apiv1.ConnectResponse_Report{Report: a}})
	return nil
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

// farewell forgets a worker that has stopped everything.
func (s *session) farewell() error {
	if _, err := s.propose(s.ctx, command.Entry{Command: command.Leave{Worker: s.worker}}); err != nil {
		return err
	}
	s.cfg.Log.Info("worker left", "worker", s.worker)
	return errOver
}
