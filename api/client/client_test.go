package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"

	"g2c/api"
	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/internal/fault"
)

// fake is a coordinator that does what a test says.
type fake struct {
	apiv1.UnimplementedTaskServiceServer
	apiv1.UnimplementedExperimentServiceServer
	apiv1.UnimplementedDataServiceServer
	apiv1.UnimplementedClusterServiceServer

	address string
	calls   atomic.Int32
	stored  atomic.Bool
	came    atomic.Int64 // of an upload
	list    func(ctx context.Context) error
	watch   func(req *apiv1.WatchRequest, s grpc.ServerStreamingServer[apiv1.WatchResponse]) error
	logs    func(s grpc.ServerStreamingServer[apiv1.ReadLogsResponse]) error
	upload  func(s grpc.ClientStreamingServer[apiv1.UploadDataRequest, apiv1.UploadDataResponse]) error
	submit  func(s grpc.ClientStreamingServer[apiv1.SubmitRequest, apiv1.SubmitResponse]) error
	backup  func(s grpc.ServerStreamingServer[apiv1.BackupResponse]) error
}

func (f *fake) ListTasks(ctx context.Context, _ *apiv1.ListTasksRequest) (*apiv1.ListTasksResponse, error) {
	f.calls.Add(1)
	return &apiv1.ListTasksResponse{}, rpcerr.Status(f.list(ctx)).Err()
}

func (f *fake) Watch(req *apiv1.WatchRequest, s grpc.ServerStreamingServer[apiv1.WatchResponse]) error {
	return rpcerr.Status(f.watch(req, s)).Err()
}

func (f *fake) ReadLogs(_ *apiv1.ReadLogsRequest, s grpc.ServerStreamingServer[apiv1.ReadLogsResponse]) error {
	return rpcerr.Status(f.logs(s)).Err()
}

func (f *fake) UploadData(s grpc.ClientStreamingServer[apiv1.UploadDataRequest, apiv1.UploadDataResponse]) error {
	f.calls.Add(1)
	return rpcerr.Status(f.upload(s)).Err()
}

func (f *fake) StatData(_ context.Context, req *apiv1.StatDataRequest) (*apiv1.StatDataResponse, error) {
	return &apiv1.StatDataResponse{Data: []*apiv1.DataInfo{{Fingerprint: req.Fingerprints[0], Stored: f.stored.Load(), ReceivedBytes: f.came.Load()}}}, nil
}

func (f *fake) Submit(s grpc.ClientStreamingServer[apiv1.SubmitRequest, apiv1.SubmitResponse]) error {
	return rpcerr.Status(f.submit(s)).Err()
}

func (f *fake) Backup(_ *apiv1.BackupRequest, s grpc.ServerStreamingServer[apiv1.BackupResponse]) error {
	return rpcerr.Status(f.backup(s)).Err()
}

// serve runs a fake until the test ends.
func serve(t *testing.T, f *fake) *fake {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f.address = l.Addr().String()
	g := grpc.NewServer()
	apiv1.RegisterTaskServiceServer(g, f)
	apiv1.RegisterExperimentServiceServer(g, f)
	apiv1.RegisterDataServiceServer(g, f)
	apiv1.RegisterClusterServiceServer(g, f)
	done := make(chan error, 1)
	go func() { done <- g.Serve(l) }()
	t.Cleanup(func() {
		g.Stop()
		<-done
	})
	return f
}

func dial(t *testing.T, change func(*client.Config), servers ...*fake) *client.Client {
	t.Helper()
	cfg := client.DefaultConfig()
	for _, f := range servers {
		cfg.Servers = append(cfg.Servers, f.address)
	}
	if change != nil {
		change(&cfg)
	}
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func fails(k *rpcerr.Kind) error { return rpcerr.New(k, "as the test has it") }

// A call goes to another server if one cannot answer it, and stays there.
func TestCallsGoWhereTheyAreAnswered(t *testing.T) {
	a := serve(t, &fake{list: func(context.Context) error { return fails(rpcerr.NoLeader) }})
	b := serve(t, &fake{list: func(context.Context) error { return nil }})
	c := dial(t, nil, a, b)
	for range 3 {
		if _, err := c.Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	if a.calls.Load() != 1 || b.calls.Load() != 3 {
		t.Errorf("%d calls at the one that cannot answer, %d at the other", a.calls.Load(), b.calls.Load())
	}
}

// A server that does not answer at all is left after an attempt's time.
func TestAServerThatHangs(t *testing.T) {
	a := serve(t, &fake{list: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
	b := serve(t, &fake{list: func(context.Context) error { return nil }})
	c := dial(t, func(cfg *client.Config) { cfg.Attempt = 50 * time.Millisecond }, a, b)
	if _, err := c.Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{}); err != nil {
		t.Fatal(err)
	}
}

// What will not get better is not repeated.
func TestErrorsForGood(t *testing.T) {
	a := serve(t, &fake{list: func(context.Context) error {
		return rpcerr.New(rpcerr.NotFound, "no such thing").WithHint("look elsewhere")
	}})
	_, err := dial(t, nil, a).Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{})
	if !errors.Is(err, rpcerr.NotFound) || fault.ExitCode(err) != fault.ExitNotFound || a.calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, a.calls.Load())
	}
	if err.Error() != "no such thing (look elsewhere)" {
		t.Errorf("it says %q", err)
	}
}

// A cluster that is not there is said to be so, with its names, when the patience is
// over.
func TestNobodyAnswers(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	c := dial(t, func(cfg *client.Config) { cfg.Patience = 100 * time.Millisecond }, &fake{address: l.Addr().String()})
	_, err = c.Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{})
	if !errors.Is(err, rpcerr.Unreachable) || !strings.Contains(err.Error(), l.Addr().String()) || fault.ExitCode(err) != fault.ExitUnavailable {
		t.Errorf("a call: %v", err)
	}
	err = c.Watch(t.Context(), &apiv1.WatchRequest{}, func(*apiv1.WatchResponse) error { return nil })
	if !errors.Is(err, rpcerr.Unreachable) {
		t.Errorf("a watch: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Tasks().ListTasks(ctx, &apiv1.ListTasksRequest{}); fault.ExitCode(err) != fault.ExitInterrupted {
		t.Errorf("a call that was given up: %v", err)
	}
}

// Who waits for long hears why, once a call, before the patience is over.
// A proxy that stands before a server that does not answer is named, with what leaves it out.
func TestAProxyIsNamed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for proxy, says := range map[string]bool{"http://proxy.example.org:3128": true, "": false} {
		c := dial(t, func(cfg *client.Config) {
			cfg.Patience = 100 * time.Millisecond
			cfg.Proxy = func(server string) string {
				if server != l.Addr().String() {
					t.Errorf("asked for the proxy of %s", server)
				}
				return proxy
			}
		}, &fake{address: l.Addr().String()})
		_, err := c.Cluster().Status(t.Context(), &apiv1.StatusRequest{})
		if err == nil || strings.Contains(err.Error(), "the proxy http://proxy.example.org:3128") != says || strings.Contains(err.Error(), "NO_PROXY=127.0.0.1") != says {
			t.Errorf("proxy %q: %v", proxy, err)
		}
	}
}

func TestWaitingIsTold(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var told []error
	c := dial(t, func(cfg *client.Config) {
		cfg.Patience = time.Minute
		cfg.Waiting = func(err error) { told = append(told, err); cancel() }
	}, &fake{address: l.Addr().String()})
	_, err = c.Tasks().ListTasks(ctx, &apiv1.ListTasksRequest{})
	if fault.ExitCode(err) != fault.ExitInterrupted || len(told) != 1 || strings.Contains(told[0].Error(), "desc =") {
		t.Errorf("told %v, and ends with %v", told, err)
	}
}

// A watch goes on where it was, elsewhere. What came of an index that was not whole
// comes again.
func TestAWatchGoesOn(t *testing.T) {
	asked := make(chan uint64, 9)
	one := func(req *apiv1.WatchRequest, s grpc.ServerStreamingServer[apiv1.WatchResponse]) error {
		asked <- req.AfterIndex
		if err := s.Send(&apiv1.WatchResponse{Index: req.AfterIndex + 5}); err != nil {
			return err
		}
		if err := s.Send(&apiv1.WatchResponse{Index: req.AfterIndex + 9, More: true}); err != nil {
			return err
		}
		return fails(rpcerr.NoLeader)
	}
	a, b := serve(t, &fake{watch: one}), serve(t, &fake{watch: one})
	enough := errors.New("enough")
	err := dial(t, nil, a, b).Watch(t.Context(), &apiv1.WatchRequest{AfterIndex: 1}, func(m *apiv1.WatchResponse) error {
		if m.Index > 15 {
			return enough
		}
		return nil
	})
	if err != enough {
		t.Fatal(err)
	}
	for _, want := range []uint64{1, 6, 11} {
		if got := <-asked; got != want {
			t.Errorf("asked after %d, want %d", got, want)
		}
	}
}

// Lines that were heard from one leader are not heard again from the next.
func TestLogsGoOn(t *testing.T) {
	line := func(at int64, text string) *apiv1.LogLine {
		return &apiv1.LogLine{AtMs: at, Worker: "w", Generation: 1, Text: text}
	}
	a := serve(t, &fake{logs: func(s grpc.ServerStreamingServer[apiv1.ReadLogsResponse]) error {
		if err := s.Send(&apiv1.ReadLogsResponse{Lines: []*apiv1.LogLine{line(1, "a"), line(2, "b"), line(2, "c")}}); err != nil {
			return err
		}
		return fails(rpcerr.NoLeader)
	}})
	b := serve(t, &fake{logs: func(s grpc.ServerStreamingServer[apiv1.ReadLogsResponse]) error {
		return s.Send(&apiv1.ReadLogsResponse{Lines: []*apiv1.LogLine{line(2, "b"), line(2, "c"), line(3, "d"), {AtMs: 1, Worker: "v", Text: "x"}}})
	}})
	var got []string
	err := dial(t, nil, a, b).Logs(t.Context(), &apiv1.ReadLogsRequest{}, func(m *apiv1.ReadLogsResponse) error {
		for _, l := range m.Lines {
			got = append(got, l.Text)
		}
		return nil
	})
	if err != nil || strings.Join(got, " ") != "a b c d x" {
		t.Errorf("%q, %v", got, err)
	}
}

// A submission arrives whole, in pieces, at a server that can take it.
func TestSubmissionsComeInPieces(t *testing.T) {
	var works int
	var ids []string
	take := func(end error) func(s grpc.ClientStreamingServer[apiv1.SubmitRequest, apiv1.SubmitResponse]) error {
		return func(s grpc.ClientStreamingServer[apiv1.SubmitRequest, apiv1.SubmitResponse]) error {
			works = 0
			for {
				m, err := s.Recv()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					return err
				}
				if h := m.GetHeader(); h != nil {
					ids = append(ids, h.RequestId)
				}
				works += len(m.GetWorks().GetWorks())
			}
			if end != nil {
				return end
			}
			return s.SendAndClose(&apiv1.SubmitResponse{Experiment: "e"})
		}
	}
	a, b := serve(t, &fake{submit: take(fails(rpcerr.OutcomeUnknown))}), serve(t, &fake{submit: take(nil)})
	list := make([]api.Work, 3000)
	for i := range list {
		list[i] = work()
	}
	r, err := dial(t, nil, a, b).Submit(t.Context(), &apiv1.SubmitHeader{Name: "e"}, list)
	if err != nil || r.Experiment != "e" || works != len(list) {
		t.Errorf("%v, %v: %d works came", r, err, works)
	}
	if len(ids) != 2 || ids[0] == "" || ids[0] != ids[1] {
		t.Errorf("request ids %q", ids)
	}
}

// An upload begins anew at the next server, and ends for good when it is refused.
func TestUploadsBeginAnew(t *testing.T) {
	content := bytes.Repeat([]byte("pixels"), 500_000)
	var got []byte
	a := serve(t, &fake{upload: func(s grpc.ClientStreamingServer[apiv1.UploadDataRequest, apiv1.UploadDataResponse]) error {
		_, err := s.Recv()
		return errors.Join(err, fails(rpcerr.NoLeader))
	}})
	b := serve(t, &fake{upload: func(s grpc.ClientStreamingServer[apiv1.UploadDataRequest, apiv1.UploadDataResponse]) error {
		for {
			m, err := s.Recv()
			if errors.Is(err, io.EOF) {
				return s.SendAndClose(&apiv1.UploadDataResponse{})
			}
			if err != nil {
				return err
			}
			got = append(got, m.GetChunk()...)
		}
	}})
	write := func(w io.Writer) error { _, err := w.Write(content); return err }
	if err := dial(t, nil, a, b).Upload(t.Context(), "f", int64(len(content)), write); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes came, %v", len(got), err)
	}
	bad := serve(t, &fake{upload: func(grpc.ClientStreamingServer[apiv1.UploadDataRequest, apiv1.UploadDataResponse]) error {
		return fails(rpcerr.BadData)
	}})
	if err := dial(t, nil, bad).Upload(t.Context(), "f", int64(len(content)), write); !errors.Is(err, rpcerr.BadData) || bad.calls.Load() != 1 {
		t.Errorf("%v after %d calls", err, bad.calls.Load())
	}
	broken := errors.New("disk is gone")
	if err := dial(t, nil, b).Upload(t.Context(), "f", 1, func(io.Writer) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("what cannot be read: %v", err)
	}
}

// An upload goes on where the coordinator says that it stands, however often it breaks, as
// long as it gets further; it is not sent where the data is already.
func TestUploadsGoOn(t *testing.T) {
	content := bytes.Repeat([]byte("pixels"), 1_500_000)
	var got []byte
	a := &fake{}
	a.upload = func(s grpc.ClientStreamingServer[apiv1.UploadDataRequest, apiv1.UploadDataResponse]) error {
		m, err := s.Recv()
		if err != nil {
			return err
		}
		at := m.GetHeader().Offset
		if at != a.came.Load() {
			return rpcerr.New(rpcerr.BadRequest, "it goes on at %d, and %d came", at, a.came.Load())
		}
		if a.calls.Load() == 3 { // another coordinator leads
			got = nil
			a.came.Store(0)
			return fails(rpcerr.Conflict)
		}
		m, err = s.Recv()
		if errors.Is(err, io.EOF) {
			return s.SendAndClose(&apiv1.UploadDataResponse{})
		}
		got = append(got[:at:at], m.GetChunk()...)
		a.came.Store(int64(len(got)))
		return errors.Join(err, fails(rpcerr.Unreachable))
	}
	serve(t, a)
	write := func(w io.Writer) error { _, err := w.Write(content); return err }
	c := dial(t, nil, a)
	if err := c.Upload(t.Context(), "f", int64(len(content)), write); err != nil || !bytes.Equal(got, content) {
		t.Errorf("%d bytes came in %d streams, %v", len(got), a.calls.Load(), err)
	}
	a.stored.Store(true)
	if err := c.Upload(t.Context(), "f", int64(len(content)), func(io.Writer) error { return errors.New("it is written") }); err != nil {
		t.Errorf("what is there: %v", err)
	}
}

// A backup that breaks off is an error, never half a file; one that did not begin is
// made elsewhere.
func TestBackups(t *testing.T) {
	none := serve(t, &fake{backup: func(grpc.ServerStreamingServer[apiv1.BackupResponse]) error { return fails(rpcerr.NoLeader) }})
	whole := serve(t, &fake{backup: func(s grpc.ServerStreamingServer[apiv1.BackupResponse]) error {
		return errors.Join(s.Send(&apiv1.BackupResponse{Chunk: []byte("ab")}), s.Send(&apiv1.BackupResponse{Chunk: []byte("c")}))
	}})
	half := serve(t, &fake{backup: func(s grpc.ServerStreamingServer[apiv1.BackupResponse]) error {
		return errors.Join(s.Send(&apiv1.BackupResponse{Chunk: []byte("ab")}), fails(rpcerr.NoLeader))
	}})
	var b bytes.Buffer
	if err := dial(t, nil, none, whole).Backup(t.Context(), &b); err != nil || b.String() != "abc" {
		t.Errorf("%q, %v", &b, err)
	}
	if err := dial(t, nil, half, whole).Backup(t.Context(), io.Discard); !errors.Is(err, rpcerr.NoLeader) {
		t.Errorf("half a backup: %v", err)
	}
}

// Plain text is for loopback, and servers have addresses.
func TestConfigs(t *testing.T) {
	for _, servers := range [][]string{nil, {"10.0.0.1:7001"}, {"example.org:7001"}, {"127.0.0.1"}, {""}} {
		cfg := client.DefaultConfig()
		cfg.Servers = servers
		if _, err := client.New(cfg); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("%q: %v", servers, err)
		}
	}
	if client.RequestID() == client.RequestID() {
		t.Error("two requests have one id")
	}
	a, hash := client.NewToken()
	b, _ := client.NewToken()
	if a == b || len(hash) != 32 || !strings.HasPrefix(a, apiv1.TokenPrefix) {
		t.Errorf("tokens %q and %q", a, b)
	}
}

func work() api.Work {
	task := api.PretrainTask(api.ClassCPU, api.Pretrain{
		Origin: api.Origin{Source: "PAS"}, Stain: "HE", View: api.View{Size: 64, Fit: api.FitResize},
		Generator: api.Generator{Width: 16, Blocks: 3, Up: api.UpK4}, Discriminator: api.Discriminator{DiscriminatorWidth: 16},
		CycleGAN: api.CycleGAN{Epochs: 12, ConstantEpochs: 6, Batch: 1, Pool: 50, LambdaCycle: 10, LambdaIdentity: 0.5, Load: 1.117, Flip: true, LR: 2e-4, Beta1: 0.5, Beta2: 0.999},
		Random:   api.Random{Seed: 1, Precision: api.FP32}, Data: api.Key{1},
	})
	return api.Work{Key: task.Key(), Names: []string{strings.Repeat("n", 400)}, Task: task, Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2}}
}
