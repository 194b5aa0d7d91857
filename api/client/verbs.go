package client

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"iter"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
)

// RequestID makes a name for a write: the same for its repeats, and for nothing else.
func RequestID() string {
	var b [16]byte
	rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// NewToken makes a token, and the hash that makes it known to a coordinator.
func NewToken() (token string, hash []byte) {
	var secret [32]byte
	rand.Read(secret[:]) // never fails
	h := sha256.Sum256(secret[:])
	return apiv1.TokenPrefix + hex.EncodeToString(secret[:]), h[:]
}

// submitAttempts is how many times as long as other calls a submission may take: it
// may be tens of megabytes.
const submitAttempts = 5

// Submit hands in an experiment. The header's request id is made if it has none.
func (c *Client) Submit(ctx context.Context, h *apiv1.SubmitHeader, works []api.Work) (resp *apiv1.SubmitResponse, err error) {
	if h.RequestId == "" {
		h.RequestId = RequestID()
	}
	err = c.repeat(ctx, func(ctx context.Context) error {
		attempt, cancel := context.WithTimeout(ctx, submitAttempts*c.cfg.Attempt)
		defer cancel()
		resp, err = c.submitOnce(attempt, h, works)
		if errors.Is(err, rpcerr.TooSlow) && ctx.Err() == nil {
			err = rpcerr.New(rpcerr.Unreachable, "no answer to a submission within %v", submitAttempts*c.cfg.Attempt)
		}
		return err
	})
	return resp, err
}

func (c *Client) submitOnce(ctx context.Context, h *apiv1.SubmitHeader, works []api.Work) (*apiv1.SubmitResponse, error) {
	s, err := c.Experiments().Submit(ctx)
	if err != nil {
		return nil, err
	}
	send := func(m *apiv1.SubmitRequest) error {
		if err := s.Send(m); err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		return nil // a broken stream says why at its end
	}
	if err := send(&apiv1.SubmitRequest{Part: &apiv1.SubmitRequest_Header{Header: h}}); err != nil {
		return nil, err
	}
	batch := &apiv1.SubmitWorks{}
	size := 0
	for i := range works {
		b := works[i].Encode()
		if size += len(b); size > batchBytes && len(batch.Works) > 0 {
			if err := send(&apiv1.SubmitRequest{Part: &apiv1.SubmitRequest_Works{Works: batch}}); err != nil {
				return nil, err
			}
			batch, size = &apiv1.SubmitWorks{}, len(b)
		}
		batch.Works = append(batch.Works, b)
	}
	if err := send(&apiv1.SubmitRequest{Part: &apiv1.SubmitRequest_Works{Works: batch}}); err != nil {
		return nil, err
	}
	return s.CloseAndRecv()
}

// Watch hears of every change, through failures of coordinators, until the context
// ends or hear returns an error, which it returns. An answer whose Anew is set begins
// a listing of everything.
func (c *Client) Watch(ctx context.Context, req *apiv1.WatchRequest, hear func(*apiv1.WatchResponse) error) error {
	after := req.AfterIndex
	return c.resume(ctx, func(ctx context.Context) (bool, error) {
		s, err := c.Experiments().Watch(ctx, &apiv1.WatchRequest{AfterIndex: after, Experiment: req.Experiment})
		if err != nil {
			return false, err
		}
		for heard := false; ; heard = true {
			m, err := s.Recv()
			if err != nil {
				return heard, err
			}
			if err := hear(m); err != nil {
				return true, &final{err}
			}
			if !m.More {
				after = m.Index
			}
		}
	})
}

// Logs hears a task's lines, through failures of coordinators, until there are no
// more; with Follow, until the task has ended.
func (c *Client) Logs(ctx context.Context, req *apiv1.ReadLogsRequest, hear func(*apiv1.ReadLogsResponse) error) error {
	last := map[string]*apiv1.LogLine{} // by worker: another leader has the late lines, too
	return c.resume(ctx, func(ctx context.Context) (bool, error) {
		s, err := c.Tasks().ReadLogs(ctx, req)
		if err != nil {
			return false, err
		}
		again := len(last) > 0
		for heard := false; ; heard = true {
			m, err := s.Recv()
			if errors.Is(err, io.EOF) {
				return true, &final{nil}
			}
			if err != nil {
				return heard, err
			}
			lines := m.Lines[:0]
			for _, l := range m.Lines {
				if old := last[l.Worker]; again && old != nil && (l.Generation < old.Generation || l.Generation == old.Generation && l.AtMs <= old.AtMs) {
					continue
				}
				lines = append(lines, l)
			}
			for _, l := range lines {
				if old := last[l.Worker]; old == nil || l.Generation > old.Generation || l.AtMs >= old.AtMs {
					last[l.Worker] = l
				}
			}
			if m.Lines = lines; len(lines) == 0 && !m.Lost {
				continue
			}
			if err := hear(m); err != nil {
				return true, &final{err}
			}
		}
	})
}

// final wraps how a stream is to end, so that it is not opened again.
type final struct{ err error }

// Error implements error.
func (f *final) Error() string { return "the end" }

// resume opens a stream again and again, until it ends for good. A stream that said
// something begins the patience anew.
func (c *Client) resume(ctx context.Context, open func(ctx context.Context) (heard bool, err error)) error {
	var end *final
	for {
		began := c.cfg.Clock.Now()
		p := pacer{c: c}
		for {
			during, cancel := context.WithCancel(ctx)
			heard, err := open(during)
			cancel()
			switch {
			case errors.As(err, &end):
				return end.err
			case ctx.Err() != nil:
				return rpcerr.FromStatus(ctx.Err())
			case !rpcerr.Retriable(err):
				return err
			}
			if heard {
				p.tries = len(c.conns) - 1 // one that breaks each time is not asked without pause
				if p.next(ctx, err) != nil {
					return rpcerr.FromStatus(ctx.Err())
				}
				break
			}
			if c.cfg.Patience > 0 && c.cfg.Clock.Now().Sub(began) > c.cfg.Patience {
				return c.unreachable(err)
			}
			if err := p.next(ctx, err); err != nil {
				return rpcerr.FromStatus(err)
			}
		}
	}
}

// Backup writes the cluster's whole state. A coordinator that fails after it has begun
// ends it: what was written is not whole then.
func (c *Client) Backup(ctx context.Context, w io.Writer) error {
	return c.resume(ctx, func(ctx context.Context) (bool, error) {
		s, err := c.Cluster().Backup(ctx, &apiv1.BackupRequest{})
		if err != nil {
			return false, err
		}
		for begun := false; ; begun = true {
			m, err := s.Recv()
			switch {
			case errors.Is(err, io.EOF):
				return true, &final{nil}
			case err != nil && begun:
				return true, &final{err}
			case err != nil:
				return false, err
			}
			if _, err := w.Write(m.Chunk); err != nil {
				return true, &final{err}
			}
		}
	})
}

// AllTasks lists tasks, page by page.
func (c *Client) AllTasks(ctx context.Context, req *apiv1.ListTasksRequest) iter.Seq2[*apiv1.Task, error] {
	return pages(func(token string) ([]*apiv1.Task, string, error) {
		resp, err := c.Tasks().ListTasks(ctx, &apiv1.ListTasksRequest{
			Experiment: req.Experiment, State: req.State, Project: req.Project, PageSize: pageSize, PageToken: token,
		})
		return resp.GetTasks(), resp.GetNextPageToken(), err
	})
}

// AllExperiments lists experiments, page by page.
func (c *Client) AllExperiments(ctx context.Context, project string) iter.Seq2[*apiv1.Experiment, error] {
	return pages(func(token string) ([]*apiv1.Experiment, string, error) {
		resp, err := c.Experiments().ListExperiments(ctx, &apiv1.ListExperimentsRequest{Project: project, PageSize: pageSize, PageToken: token})
		return resp.GetExperiments(), resp.GetNextPageToken(), err
	})
}

// AllWorkers lists workers, page by page.
func (c *Client) AllWorkers(ctx context.Context) iter.Seq2[*apiv1.Worker, error] {
	return pages(func(token string) ([]*apiv1.Worker, string, error) {
		resp, err := c.Workers().ListWorkers(ctx, &apiv1.ListWorkersRequest{PageSize: pageSize, PageToken: token})
		return resp.GetWorkers(), resp.GetNextPageToken(), err
	})
}

// AllDemand lists the slots that projects make use of, page by page.
func (c *Client) AllDemand(ctx context.Context) iter.Seq2[*apiv1.Demand, error] {
	return pages(func(token string) ([]*apiv1.Demand, string, error) {
		resp, err := c.Workers().ListDemand(ctx, &apiv1.ListDemandRequest{PageSize: pageSize, PageToken: token})
		return resp.GetDemand(), resp.GetNextPageToken(), err
	})
}

// AwaitEmpty waits until nothing is on a worker any more, through failures of coordinators,
// and returns it.
func (c *Client) AwaitEmpty(ctx context.Context, worker string) (*apiv1.Worker, error) {
	for {
		resp, err := c.Workers().AwaitEmpty(ctx, &apiv1.AwaitEmptyRequest{Id: worker})
		switch {
		case err != nil:
			return nil, err
		case resp.Empty:
			return resp.Worker, nil
		case ctx.Err() != nil:
			return nil, rpcerr.FromStatus(ctx.Err())
		}
	}
}

// AllUsers lists the users of whom something is stated, page by page.
func (c *Client) AllUsers(ctx context.Context) iter.Seq2[*apiv1.User, error] {
	return pages(func(token string) ([]*apiv1.User, string, error) {
		resp, err := c.Access().ListUsers(ctx, &apiv1.ListUsersRequest{PageSize: pageSize, PageToken: token})
		return resp.GetUsers(), resp.GetNextPageToken(), err
	})
}

// AllRevocations lists the certificates that are refused, page by page.
func (c *Client) AllRevocations(ctx context.Context) iter.Seq2[*apiv1.Revocation, error] {
	return pages(func(token string) ([]*apiv1.Revocation, string, error) {
		resp, err := c.Access().ListRevocations(ctx, &apiv1.ListRevocationsRequest{PageSize: pageSize, PageToken: token})
		return resp.GetRevocations(), resp.GetNextPageToken(), err
	})
}

// AllTokens lists tokens, page by page.
func (c *Client) AllTokens(ctx context.Context) iter.Seq2[*apiv1.Token, error] {
	return pages(func(token string) ([]*apiv1.Token, string, error) {
		resp, err := c.Tokens().ListTokens(ctx, &apiv1.ListTokensRequest{PageSize: pageSize, PageToken: token})
		return resp.GetTokens(), resp.GetNextPageToken(), err
	})
}

// AllProjects lists the projects that somebody set, page by page.
func (c *Client) AllProjects(ctx context.Context) iter.Seq2[*apiv1.Project, error] {
	return pages(func(token string) ([]*apiv1.Project, string, error) {
		resp, err := c.Cluster().ListProjects(ctx, &apiv1.ListProjectsRequest{PageSize: pageSize, PageToken: token})
		return resp.GetProjects(), resp.GetNextPageToken(), err
	})
}

// pageSize is how much is asked for at once.
const pageSize = 500

// pages joins pages.
func pages[T any](page func(token string) ([]T, string, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for token := ""; ; {
			list, next, err := page(token)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, v := range list {
				if !yield(v, nil) {
					return
				}
			}
			if token = next; token == "" {
				return
			}
		}
	}
}
