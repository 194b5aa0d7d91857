package agent

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"google.golang.org/grpc"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
)

// Over is the coordinator at the other end of api/v1, as api/client has it.
func Over(w apiv1.WorkerServiceClient) Coordinator { return dialer{w} }

type dialer struct{ workers apiv1.WorkerServiceClient }

// Open implements Coordinator.
func (d dialer) Open(ctx context.Context, o Offer) (Session, Welcome, error) {
	stream, err := d.workers.Connect(ctx)
	if err != nil {
		return nil, Welcome{}, err
	}
	s := &call{stream: stream, works: map[api.Key]*api.Work{}}
	hello := &apiv1.Hello{
		Worker: o.Worker, Incarnation: o.Incarnation, Numerics: o.Class, Device: o.Device, MemoryBytes: o.Memory,
		Host: o.Host, Slots: uint32(o.Slots), Boot: o.Boot, Issue: !o.Named, Address: o.Address,
	}
	for _, k := range o.Cached {
		hello.Cached = append(hello.Cached, k.String())
	}
	// An error of Send says less than the one that Receive has.
	if err := stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Hello{Hello: hello}}); err != nil && !errors.Is(err, io.EOF) {
		return nil, Welcome{}, err
	}
	m, err := stream.Recv()
	if err != nil {
		return nil, Welcome{}, refusal(err)
	}
	w := m.GetWelcome()
	if w == nil || w.LeaseMs == 0 || w.HeartbeatMs == 0 {
		return nil, Welcome{}, fmt.Errorf("the coordinator began a session with %T, not with a welcome", m.Message)
	}
	s.hearsWaited = w.HearsWaited
	return s, Welcome{
		Leader: w.Coordinator, Incarnation: w.Incarnation, Lease: time.Duration(w.LeaseMs) * time.Millisecond, Heartbeat: time.Duration(w.HeartbeatMs) * time.Millisecond,
	}, nil
}

// refusal marks errors that would come again: the worker is not who it says, or
// says what makes no sense, or another process has its name.
func refusal(err error) error {
	for _, kind := range []error{rpcerr.NotPermitted, rpcerr.BadRequest, rpcerr.TooLarge, rpcerr.Stale, rpcerr.Replaced} {
		if errors.Is(err, kind) {
			return fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	return err
}

// call is a Session over api/v1.
type call struct {
	stream grpc.BidiStreamingClient[apiv1.ConnectRequest, apiv1.ConnectResponse]
	// works are those of the last record: one that stays is not sent again.
	works map[api.Key]*api.Work
	// hearsWaited says that the leader knows suspicions of members that are waited for.
	hearsWaited bool
}

// Heartbeat implements Session.
func (s *call) Heartbeat(number uint64) error {
	return s.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Heartbeat{Heartbeat: &apiv1.Heartbeat{Number: number}}})
}

var reportKinds = map[ReportKind]apiv1.ReportKind{
	Started: apiv1.ReportKind_REPORT_KIND_STARTED, Done: apiv1.ReportKind_REPORT_KIND_DONE, Failed: apiv1.ReportKind_REPORT_KIND_FAILED,
	Interrupted: apiv1.ReportKind_REPORT_KIND_INTERRUPTED, Released: apiv1.ReportKind_REPORT_KIND_RELEASED,
}

// Report implements Session.
func (s *call) Report(r Report) error {
	return s.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Report{Report: &apiv1.Report{
		Number: r.Number, Kind: reportKinds[r.Kind], Task: r.Task.String(), Generation: r.Generation, Reason: r.Reason, Permanent: r.Permanent,
	}}})
}

// Progress implements Session.
func (s *call) Progress(task api.Key, generation uint64, p Progress) error {
	return s.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Progress{Progress: &apiv1.TaskProgress{
		Task: task.String(), Generation: generation,
		Progress: &apiv1.Progress{Step: uint64(p.Step), Steps: uint64(p.Steps), StepsPerSecond: p.PerSecond, Note: p.Note},
	}}})
}

// Lines implements Session.
func (s *call) Lines(task api.Key, generation, first uint64, lines []Line) error {
	m := &apiv1.TaskLogs{Task: task.String(), Generation: generation, First: first}
	for _, l := range lines {
		m.Lines = append(m.Lines, &apiv1.TaskLogLine{AtMs: l.At.UnixMilli(), Text: l.Text})
	}
	return s.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Logs{Logs: m}})
}

// Points implements Session.
func (s *call) Points(task api.Key, generation uint64, points []Point) error {
	m := &apiv1.TaskMetrics{Task: task.String(), Generation: generation}
	for _, p := range points {
		m.Points = append(m.Points, &apiv1.Point{Name: p.Name, Step: uint64(p.Step), Value: p.Value})
	}
	return s.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Metrics{Metrics: m}})
}

// Suspect implements Session.
func (s *call) Suspect(task api.Key, on Suspicion) error {
	if on.Waited > 0 && !s.hearsWaited { // it would take them for lost
		return nil
	}
	return s.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Suspect{Suspect: &apiv1.Suspect{
		Task: task.String(), Generation: on.Generation, Workers: on.Workers, Reason: on.Reason, Waited: on.Waited,
	}}})
}

// Cached implements Session.
func (s *call) Cached(keys []api.Key) error {
	m := &apiv1.Cached{}
	for _, k := range keys {
		m.Cached = append(m.Cached, k.String())
	}
	return s.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Cached{Cached: m}})
}

// Deregister implements Session.
func (s *call) Deregister() error {
	err := s.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Deregister{Deregister: &apiv1.Deregister{}}})
	if err != nil {
		return err
	}
	return s.stream.CloseSend()
}

// Receive implements Session.
func (s *call) Receive() (any, error) {
	for {
		m, err := s.stream.Recv()
		if err != nil {
			return nil, err
		}
		switch m := m.Message.(type) {
		case *apiv1.ConnectResponse_Heartbeat:
			return Heard{Heartbeat: m.Heartbeat.GetNumber()}, nil
		case *apiv1.ConnectResponse_Report:
			return Answer{Number: m.Report.GetNumber(), Index: m.Report.GetIndex(), Refusal: m.Report.GetRefused()}, nil
		case *apiv1.ConnectResponse_Assignments:
			return s.record(m.Assignments)
		}
		// A newer release says more: what this one does not know it does not need.
	}
}

// record reads a record. What cannot be read breaks the session: obeying half of a
// record would stop what the other half asks for.
func (s *call) record(m *apiv1.Assignments) (Record, error) {
	r := Record{Index: m.GetIndex()}
	for _, a := range m.GetAssignments() {
		out, err := s.assignment(a)
		if err != nil {
			return Record{}, fmt.Errorf("assignment of task %.64q, generation %d: %w", a.GetTask(), a.GetGeneration(), err)
		}
		r.Assignments = append(r.Assignments, out)
	}
	s.forget(r)
	return r, nil
}

// forget drops the works that a record has no use for: should their tasks come back,
// the coordinator sends them again. Otherwise a session of weeks would keep every work
// that it ever had.
func (s *call) forget(r Record) {
	kept := make(map[api.Key]*api.Work, len(r.Assignments))
	for _, a := range r.Assignments {
		if a.Work != nil {
			kept[a.Task] = a.Work
		}
	}
	s.works = kept
}

func (s *call) assignment(m *apiv1.Assignment) (Assignment, error) {
	task, err := api.ParseKey(m.GetTask())
	if err != nil {
		return Assignment{}, err
	}
	a := Assignment{
		Task: task, Generation: m.GetGeneration(), Slots: int(m.GetSlots()), Terminating: m.GetTerminating(), Preempting: m.GetPreempting(),
		Within: time.Duration(m.GetSaveWithinMs()) * time.Millisecond,
	}
	if a.Terminating {
		return a, nil
	}
	for _, g := range m.GetGang() {
		a.Gang = append(a.Gang, Part{Worker: g.GetWorker(), Slots: int(g.GetSlots()), Host: g.GetHost(), Address: g.GetAddress()})
	}
	if len(a.Gang) == 0 || a.Slots < 1 {
		return Assignment{}, fmt.Errorf("it has %d slots in a gang of %d workers", a.Slots, len(a.Gang))
	}
	if len(m.GetWork()) > 0 {
		work, err := api.DecodeWork(m.GetWork())
		if err != nil {
			return Assignment{}, err
		}
		s.works[task] = &work
	}
	if a.Work = s.works[task]; a.Work == nil {
		return Assignment{}, errors.New("its work never came")
	}
	return a, nil
}
