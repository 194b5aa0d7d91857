package server

import (
	"context"
	"errors"

	"google.golang.org/grpc"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// tasks is apiv1.TaskServiceServer.
type tasks struct {
	apiv1.UnimplementedTaskServiceServer
	*records
	auth    standing
	journal *journals
}

// ListTasks implements apiv1.TaskServiceServer.
func (s *tasks) ListTasks(ctx context.Context, req *apiv1.ListTasksRequest) (*apiv1.ListTasksResponse, error) {
	from, err := pageFromNumber(req.PageToken)
	if err != nil {
		return nil, err
	}
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	resp := &apiv1.ListTasksResponse{Index: v.Index()}
	looked := 0
	err = v.eachOf(req, from, func(t *state.Task) bool {
		looked++
		if len(resp.Tasks) == pageSize(req.PageSize) || looked > maxLooked {
			resp.NextPageToken = pageTokenOfNumber(t.Seq)
			return false
		}
		if v.matches(req, t) {
			resp.Tasks = append(resp.Tasks, v.task(t))
		}
		return ctx.Err() == nil
	})
	if err == nil {
		err = ctx.Err()
	}
	return resp, err
}

// maxLooked bounds the tasks that are looked at for one page: the caller goes on from
// there with the next.
const maxLooked = 5000

// matches says whether a listing is to have a task.
func (v *view) matches(req *apiv1.ListTasksRequest, t *state.Task) bool {
	return (req.State == apiv1.TaskState_TASK_STATE_UNSPECIFIED || taskStates[t.Status] == req.State) &&
		(req.Project == "" || t.Project == req.Project) && v.seesTask(t)
}

// eachOf visits the tasks that a listing may have, from a number on, by the list that has
// least of them.
func (v *view) eachOf(req *apiv1.ListTasksRequest, from uint64, visit func(*state.Task) bool) error {
	status := statusOf(req.State)
	if req.Experiment != "" || status == "" {
		return v.eachTask(req.Experiment, from, visit)
	}
	for t := range v.TasksIn(status, from) {
		if !visit(t) {
			break
		}
	}
	return nil
}

// statusOf is a state on the wire as the coordinator has it; empty for none.
func statusOf(s apiv1.TaskState) state.Status {
	for status, v := range taskStates {
		if v == s {
			return status
		}
	}
	return ""
}

// eachTask visits tasks from a number on: an experiment's, or all.
func (v *view) eachTask(experiment string, from uint64, visit func(*state.Task) bool) error {
	if experiment == "" {
		for t := range v.Tasks(from) {
			if !visit(t) {
				break
			}
		}
		return nil
	}
	e, err := v.experimentOf(experiment)
	if err != nil {
		return err
	}
	for _, seq := range e.Tasks {
		if seq >= from && !visit(v.TaskAt(seq)) {
			break
		}
	}
	return nil
}

// DescribeTask implements apiv1.TaskServiceServer.
func (s *tasks) DescribeTask(ctx context.Context, req *apiv1.DescribeTaskRequest) (*apiv1.DescribeTaskResponse, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	t, err := v.taskOf(req.Key)
	if err != nil {
		return nil, err
	}
	resp := &apiv1.DescribeTaskResponse{Task: v.task(t), Names: t.Work.Names, Avoids: t.Avoid, Index: v.Index()}
	for _, e := range v.ExperimentsOf(t) {
		if v.who.sees(e.Project) {
			resp.Experiments = append(resp.Experiments, e.ID)
		}
	}
	for _, k := range t.Inputs() {
		if in := v.Task(k); in != nil {
			resp.Inputs = append(resp.Inputs, v.task(in))
		}
	}
	for _, r := range v.Readers(t.Work.Key) {
		if v.seesTask(r) {
			resp.Readers = append(resp.Readers, r.Work.Name())
		}
	}
	for w := range v.Workers("") {
		for _, h := range w.Allocations {
			if h.Task == t.Seq && h.Terminating {
				resp.Held = append(resp.Held, &apiv1.Held{Worker: w.ID, Slots: uint32(h.Slots), Generation: h.Generation, SinceMs: h.Since})
			}
		}
	}
	return resp, nil
}

// RetryTask implements apiv1.TaskServiceServer.
func (s *tasks) RetryTask(ctx context.Context, req *apiv1.RetryTaskRequest) (*apiv1.RetryTaskResponse, error) {
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	t, err := v.taskOf(req.Key)
	if err != nil {
		return nil, err
	}
	if !v.who.sees(t.Project) {
		return nil, rpcerr.New(rpcerr.NotPermitted, "%s belongs to project %s", t.Work.Name(), t.Project)
	}
	if _, err := s.write(ctx, req, command.Retry{Task: t.Work.Key}); errors.Is(err, state.ErrNotWanted) {
		return nil, rpcerr.New(rpcerr.Conflict, "every experiment of it was cancelled: %w", err).WithHint("submit one of them again: what is done stays done")
	} else if err != nil {
		return nil, err
	}
	if v, err = s.now(ctx); err != nil {
		return nil, err
	}
	return &apiv1.RetryTaskResponse{Task: v.task(v.TaskAt(t.Seq)), Index: v.Index()}, nil
}

// linesOfMessage is how many lines go in one message.
const linesOfMessage = 200

// ReadLogs implements apiv1.TaskServiceServer.
func (s *tasks) ReadLogs(req *apiv1.ReadLogsRequest, stream grpc.ServerStreamingServer[apiv1.ReadLogsResponse]) error {
	ctx := stream.Context()
	v, during, err := s.readDuring(ctx)
	if err != nil {
		return err
	}
	t, err := v.taskOf(req.Key)
	if err != nil {
		return err
	}
	from, tail := uint64(1), int(req.Tail)
	for {
		if err := s.auth.still(v.who); err != nil {
			return err
		}
		// What the task's end says comes before its last lines are read.
		snapshot := s.Snapshot()
		ended := snapshot.Task(t.Work.Key) == nil || !snapshot.Task(t.Work.Key).Status.Live()
		lines, next, lost, more := s.journal.read(t.Work.Key, from, tail)
		for first := true; first && lost || len(lines) > 0; first = false {
			n := min(len(lines), linesOfMessage)
			if err := stream.Send(&apiv1.ReadLogsResponse{Lines: lines[:n], Lost: first && lost}); err != nil {
				return err
			}
			lines = lines[n:]
		}
		from, tail = next, 0
		if ended || !req.Follow {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-during.ctx.Done():
			return s.leadsNoMore()
		case <-more:
		case <-s.Advanced(snapshot.Index()):
		}
	}
}

// ReadMetrics implements apiv1.TaskServiceServer.
func (s *tasks) ReadMetrics(ctx context.Context, req *apiv1.ReadMetricsRequest) (*apiv1.ReadMetricsResponse, error) {
	if len(req.Names) > maxSeries {
		return nil, rpcerr.New(rpcerr.TooLarge, "%d series at once, at most %d", len(req.Names), maxSeries)
	}
	v, err := s.read(ctx)
	if err != nil {
		return nil, err
	}
	t, err := v.taskOf(req.Key)
	if err != nil {
		return nil, err
	}
	return &apiv1.ReadMetricsResponse{Series: s.journal.curves(t.Work.Key, req.Names)}, nil
}
