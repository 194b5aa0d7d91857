package server_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/fixture"
	"g2c/coordinator/replica"
	"g2c/coordinator/server"
	"g2c/coordinator/state"
	"g2c/internal/clock"
)

// withToken makes a token and a context of calls that show it.
func withToken(t *testing.T, root *client.Client, role apiv1.Role) (ctx context.Context, id string) {
	t.Helper()
	text, hash := client.NewToken()
	r, err := root.Tokens().CreateToken(t.Context(), &apiv1.CreateTokenRequest{RequestId: client.RequestID(), Role: role, Hash: hash})
	if err != nil {
		t.Fatal(err)
	}
	return metadata.AppendToOutgoingContext(t.Context(), apiv1.AuthorizationHeader, "Bearer "+text), r.Token.Id
}

// A stream ends with the token that opened it.
func TestStreamsEndWithTheirToken(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	submit(t, c, "e", work("HE"))
	w := mustConnect(t, c, hello("w1", 1))
	a := w.assigned()[0]
	w.answer(w.report(apiv1.ReportKind_REPORT_KIND_STARTED, a.Task, a.Generation))
	say(t, w, &apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Logs{Logs: &apiv1.TaskLogs{
		Task: a.Task, Generation: a.Generation, First: 1, Lines: []*apiv1.TaskLogLine{{Text: "one"}},
	}}})
	w.heartbeat(1)

	viewer, id := withToken(t, c, apiv1.Role_ROLE_VIEWER)
	watch, err := c.Experiments().Watch(viewer, &apiv1.WatchRequest{})
	if err == nil {
		_, err = watch.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	logs, err := c.Tasks().ReadLogs(viewer, &apiv1.ReadLogsRequest{Key: a.Task, Follow: true})
	if err == nil {
		_, err = logs.Recv()
	}
	if err != nil {
		t.Fatal(err)
	}
	admin, other := withToken(t, c, apiv1.Role_ROLE_ADMIN)
	session, err := c.Workers().Connect(admin)
	if err != nil {
		t.Fatal(err)
	}
	second := &hand{t: t, stream: session}
	say(t, second, &apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Hello{Hello: hello("w2", 1)}})
	second.heartbeat(1)

	for _, token := range []string{id, other} {
		if _, err := c.Tokens().RevokeToken(t.Context(), &apiv1.RevokeTokenRequest{RequestId: client.RequestID(), Id: token}); err != nil {
			t.Fatal(err)
		}
	}
	for err = nil; err == nil; { // what was before the end may still come
		_, err = watch.Recv()
	}
	if !errors.Is(err, rpcerr.Unauthenticated) {
		t.Errorf("the watch of a token that was revoked: %v", err)
	}
	if _, err := logs.Recv(); !errors.Is(err, rpcerr.Unauthenticated) {
		t.Errorf("the log of a token that was revoked: %v", err)
	}
	for err = nil; err == nil; {
		_, err = session.Recv()
	}
	if !errors.Is(err, rpcerr.Unauthenticated) {
		t.Errorf("the session of a token that was revoked: %v", err)
	}
}

func say(t *testing.T, w *hand, m *apiv1.ConnectRequest) {
	t.Helper()
	if err := w.stream.Send(m); err != nil {
		t.Fatal(err)
	}
}

// heldLog keeps what is logged.
type heldLog struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (h *heldLog) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.text.Write(b)
}

func (h *heldLog) has(text string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Contains(h.text.String(), text)
}

// A refused call is in the log and in the audit; a flood of them is in the log of whoever
// refused them, and one line of the audit, that says how many there were.
func TestARefusedCallIsRecorded(t *testing.T) {
	held := &heldLog{}
	fake := clock.NewFake(time.UnixMilli(1_000_000))
	n := single(t, func(c *server.Config) {
		c.Log, c.RequireTokens, c.Clock = slog.New(slog.NewTextHandler(held, nil)), true, fake
	})
	calls := func(name string, pretend []string, times int) {
		t.Helper()
		c := call(t, as(server.Client, name), n)
		for range times {
			ctx := metadata.AppendToOutgoingContext(t.Context(), pretend...)
			if _, err := c.Cluster().RaiseLevel(ctx, &apiv1.RaiseLevelRequest{RequestId: "r", Level: 1}); err == nil {
				t.Errorf("%s is not refused", name)
			}
		}
		if !held.has("client/" + name) {
			t.Errorf("%s is not in the log", name)
		}
	}
	// audits waits until so many refusals of a caller are there, and returns the last.
	audits := func(name string, want int) *state.Audit {
		t.Helper()
		for {
			snapshot := n.memory.Snapshot()
			var of []*state.Audit
			for a := range snapshot.Audits(0) {
				if a.Principal == "client/"+name {
					of = append(of, a)
				}
			}
			if len(of) == want {
				return of[want-1]
			}
			if len(of) > want {
				t.Fatalf("%d refusals of %s are recorded, want %d", len(of), name, want)
			}
			select {
			case <-n.memory.Advanced(snapshot.Index()):
			case <-t.Context().Done():
				t.Fatalf("%d refusals of %s are recorded, want %d", len(of), name, want)
			}
		}
	}
	calls("eve", []string{"g2c-forwarded-role", "coordinator", "g2c-forwarded-name", "c1"}, 1)
	if a := audits("eve", 1); a.Verb != "call" || a.Subject != "RaiseLevel" || !strings.Contains(a.Outcome, "only coordinators do that") {
		t.Errorf("recorded is %+v", a)
	}
	calls("ann", nil, 50)
	audits("ann", 5)
	fake.Advance(time.Minute)
	calls("ann", nil, 1)
	if a := audits("ann", 6); !strings.Contains(a.Outcome, "and 45 calls before") {
		t.Errorf("recorded is %+v", a)
	}
}

// Who falls silent in the middle of a submission or an upload gives up what it held.
func TestSilentCallersAreLeft(t *testing.T) {
	c := clock.NewFake(time.UnixMilli(1_000_000))
	cfg := config(replica.NewMemory("c1", c.Now))
	cfg.Clock, cfg.Store, cfg.Limits.Uploads = c, emptyStore(t), 1
	cl := call(t, nil, serve(t, cfg))
	submission, err := cl.Experiments().Submit(t.Context())
	if err == nil {
		err = submission.Send(&apiv1.SubmitRequest{Part: &apiv1.SubmitRequest_Header{Header: &apiv1.SubmitHeader{RequestId: "r", Name: "e"}}})
	}
	if err != nil {
		t.Fatal(err)
	}
	upload, err := cl.Data().UploadData(t.Context())
	if err == nil {
		h := &apiv1.UploadHeader{RequestId: "u", Fingerprint: fixture.Data("d").String(), SizeBytes: 1000}
		err = upload.Send(&apiv1.UploadDataRequest{Part: &apiv1.UploadDataRequest_Header{Header: h}})
	}
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 2)
	go func() { ended <- submission.RecvMsg(&apiv1.SubmitResponse{}) }()
	go func() { ended <- upload.RecvMsg(&apiv1.UploadDataResponse{}) }()
	passes(t, c, time.Second, func() bool { return len(ended) == 2 })
	for range 2 {
		if err := <-ended; !errors.Is(err, rpcerr.TooSlow) {
			t.Error(err)
		}
	}
}

// faulty is a replica that panics when it is read.
type faulty struct{ *replica.Memory }

// Read implements replica.Replica.
func (faulty) Read(context.Context) (*state.Snapshot, error) { panic("a fault") }

// A fault in one call is that call's error, and others are answered.
func TestAPanicIsOneCallsError(t *testing.T) {
	c := call(t, nil, serve(t, config(faulty{replica.NewMemory("c1", time.Now)})))
	if _, err := c.Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{}); !errors.Is(err, rpcerr.Internal) {
		t.Errorf("a call: %v", err)
	}
	w, err := c.Experiments().Watch(t.Context(), &apiv1.WatchRequest{})
	if err == nil {
		_, err = w.Recv()
	}
	if !errors.Is(err, rpcerr.Internal) {
		t.Errorf("a stream: %v", err)
	}
	if _, err := c.Cluster().Status(t.Context(), &apiv1.StatusRequest{}); err != nil {
		t.Error(err)
	}
}
