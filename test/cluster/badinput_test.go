package cluster

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	"g2c/api"
	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/fixture"
	"g2c/internal/fault"
	"g2c/internal/pki"
)

// Whatever anybody sends, who sent it gets a clear error, and the state is as it was, but
// for the lines of the audit that say so.
func TestBadInput(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	c.single()
	c.addWorker("w1", "--rehearse", "50ms")
	works := []api.Work{fixture.Work("before", fixture.Options{})}
	made, err := c.client.Submit(t.Context(), &apiv1.SubmitHeader{RequestId: "once", Name: "before"}, works)
	if err != nil {
		t.Fatal(err)
	}
	c.done(made.Experiment, 1, 20*time.Second)
	index := c.status().Applied
	for _, trial := range []struct {
		name string
		run  func(*testing.T, *cluster)
	}{
		{"plain text", plainText},
		{"random bytes", randomBytes},
		{"huge message", hugeMessage},
		{"wrong token", wrongToken},
		{"expired certificate", expiredCertificate},
		{"another authority", anotherAuthority},
		{"speaking for others", speakingForOthers},
		{"a worker's certificate", workersCertificate},
	} {
		t.Run(trial.name, func(t *testing.T) { trial.run(t, c) })
	}
	refused, now := uint64(0), c.status().GetApplied()
	audits, err := c.client.Cluster().ListAudits(t.Context(), &apiv1.ListAuditsRequest{PageSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range audits.Audits {
		if a.Index > index && a.Index <= now && a.Verb == "call" && strings.HasPrefix(a.Outcome, "refused: ") {
			refused++
		}
	}
	if now != index+refused || refused == 0 {
		t.Errorf("bad input brought the state from index %d to %d, with %d refusals in the audit", index, now, refused)
	}
	t.Run("replay", func(t *testing.T) { replay(t, c, made, works) })
	t.Run("lying worker", func(t *testing.T) { lyingWorker(t, c) })
	after, err := c.client.Submit(t.Context(), &apiv1.SubmitHeader{Name: "after"}, []api.Work{fixture.Work("after", fixture.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	c.done(after.Experiment, 1, 20*time.Second)
	if !c.nodes["c1"].alive() || !c.workers["w1"].alive() {
		t.Error("a process has ended")
	}
}

// finish reads until the other side closes.
func finish(t *testing.T, conn net.Conn) []byte {
	t.Helper()
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(io.LimitReader(conn, 1<<20))
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		t.Error("the coordinator keeps a connection that says nothing it understands")
	}
	return answer
}

func plainText(t *testing.T, c *cluster) {
	conn, err := net.Dial("tcp", c.nodes["c1"].address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: c1\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if answer := finish(t, conn); strings.Contains(string(answer), "200 OK") {
		t.Errorf("plain text is answered with %q", answer)
	}
	plain, err := grpc.NewClient("passthrough:///"+c.nodes["c1"].address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer plain.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := apiv1.NewClusterServiceClient(plain).Status(ctx, &apiv1.StatusRequest{}); err == nil {
		t.Error("a call in plain text was answered")
	}
	// The program does not even try beyond loopback.
	o := run(t, 20*time.Second, nil, "ps", "--server", "192.0.2.1:7001")
	if o.code != fault.ExitSpec || !strings.Contains(o.stderr, "certs") {
		t.Errorf("exit code %d, %s", o.code, o.stderr)
	}
}

// randomBytes come before, after and in place of a handshake.
func randomBytes(t *testing.T, c *cluster) {
	random := rand.New(rand.NewPCG(*seed, 0))
	noise := func() []byte {
		b := make([]byte, 1+random.IntN(4096))
		for i := range b {
			b[i] = byte(random.Uint32())
		}
		return b
	}
	for range 50 {
		conn, err := net.Dial("tcp", c.nodes["c1"].address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = conn.Write(noise()) // it may be refused in the middle
		conn.(*net.TCPConn).CloseWrite()
		finish(t, conn)
	}
	id, err := pki.Load(c.certs("client", "test"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		conn, err := tls.Dial("tcp", c.nodes["c1"].address, id.ClientConfig(pki.Expect{Role: pki.Coordinator}, "h2"))
		if err != nil {
			t.Fatal(err)
		}
		if i%2 == 0 {
			_, _ = io.WriteString(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
		}
		_, _ = conn.Write(noise())
		conn.CloseWrite()
		finish(t, conn)
	}
	for _, protocol := range []string{"http/1.1", "g2c-raft/1", "nonsense"} {
		conn, err := tls.Dial("tcp", c.nodes["c1"].address, id.ClientConfig(pki.Expect{Role: pki.Coordinator}, protocol))
		if err != nil {
			continue
		}
		_, _ = conn.Write(noise())
		finish(t, conn)
	}
}

func hugeMessage(t *testing.T, c *cluster) {
	_, err := c.client.Tasks().DescribeTask(t.Context(), &apiv1.DescribeTaskRequest{Key: strings.Repeat("a", 64<<20)})
	if err == nil {
		t.Error("64 MiB were taken")
	}
	big := c.dial(c.certs("client", "test"))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err = big.Tasks().DescribeTask(ctx, &apiv1.DescribeTaskRequest{Key: strings.Repeat("a", 64<<20)}, grpc.MaxCallSendMsgSize(1<<30))
	if err == nil || fault.ExitCode(err) == fault.ExitDone {
		t.Errorf("64 MiB over the wire: %v", err)
	}
	many := make([]api.Work, 25_000)
	for i := range many {
		many[i] = fixture.Work("same", fixture.Options{})
	}
	if _, err := c.client.Submit(ctx, &apiv1.SubmitHeader{Name: "many"}, many); fault.ExitCode(err) != fault.ExitSpec {
		t.Errorf("25,000 tasks: %v", err)
	}
}

func wrongToken(t *testing.T, c *cluster) {
	for _, token := range []string{"g2c_" + strings.Repeat("0", 64), "nonsense"} {
		o := c.verb("ps", "--token", token)
		if o.code != fault.ExitUnavailable || !strings.Contains(o.stderr, "token") {
			t.Errorf("exit code %d: %s", o.code, o.stderr)
		}
	}
}

func expiredCertificate(t *testing.T, c *cluster) {
	dir := t.TempDir()
	err := pki.Issue(c.path("ca"), dir, pki.Request{Role: pki.Client, Name: "late", From: time.Now().Add(-2 * time.Hour), Valid: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	o := run(t, time.Minute, nil, "ps", "--server", c.nodes["c1"].address, "--certs", dir)
	if o.code != fault.ExitUnavailable || !strings.Contains(o.stderr, "not valid now") {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
}

func anotherAuthority(t *testing.T, c *cluster) {
	dir := t.TempDir()
	must(t, "certs", "init", filepath.Join(dir, "ca"))
	must(t, "certs", "issue", filepath.Join(dir, "ca"), "--role", "client", "--name", "stranger", "-o", filepath.Join(dir, "me"))
	o := run(t, time.Minute, nil, "ps", "--server", c.nodes["c1"].address, "--certs", filepath.Join(dir, "me"))
	if o.code != fault.ExitUnavailable || !strings.Contains(o.stderr, "authority") {
		t.Errorf("exit code %d: %s", o.code, o.stderr)
	}
}

// speakingForOthers is what coordinators alone may do.
func speakingForOthers(t *testing.T, c *cluster) {
	ctx := metadata.AppendToOutgoingContext(t.Context(), "g2c-forwarded-role", "coordinator", "g2c-forwarded-name", "c1")
	if _, err := c.client.Cluster().Status(ctx, &apiv1.StatusRequest{}); !errors.Is(err, rpcerr.NotPermitted) {
		t.Errorf("a client spoke for a coordinator: %v", err)
	}
}

// workersCertificate opens what workers need and nothing else.
func workersCertificate(t *testing.T, c *cluster) {
	w := c.dial(c.certs("worker", "w9"))
	_, err := w.Submit(t.Context(), &apiv1.SubmitHeader{Name: "x"}, []api.Work{fixture.Work("x", fixture.Options{})})
	if !errors.Is(err, rpcerr.NotPermitted) {
		t.Errorf("a worker submitted: %v", err)
	}
	_, err = w.Cluster().RemoveMember(t.Context(), &apiv1.RemoveMemberRequest{RequestId: "x", Id: "c1"})
	if !errors.Is(err, rpcerr.NotPermitted) {
		t.Errorf("a worker removed a coordinator: %v", err)
	}
}

// replay sends a request again: it changes nothing, and with another content it is
// refused.
func replay(t *testing.T, c *cluster, made *apiv1.SubmitResponse, works []api.Work) {
	again, err := c.client.Submit(t.Context(), &apiv1.SubmitHeader{RequestId: "once", Name: "before"}, works)
	if err != nil || again.Experiment != made.Experiment || !again.Repeated {
		t.Errorf("sent again: %v, %v", again, err)
	}
	cancel := &apiv1.CancelExperimentRequest{RequestId: "once", Id: made.Experiment}
	if _, err := c.client.Experiments().CancelExperiment(t.Context(), cancel); !errors.Is(err, rpcerr.RequestReused) {
		t.Errorf("a submission's id on a cancel: %v", err)
	}
	if e, err := c.client.Experiments().GetExperiment(t.Context(), &apiv1.GetExperimentRequest{Id: made.Experiment}); err != nil || e.Experiment.State != apiv1.ExperimentState_EXPERIMENT_STATE_DONE {
		t.Errorf("%v, %v", e, err)
	}
}

// session is a worker's stream in the hands of somebody who lies.
type session struct {
	t *testing.T
	apiv1.WorkerService_ConnectClient
}

func hello(ctx context.Context, t *testing.T, cl *client.Client, h *apiv1.Hello) (*session, error) {
	t.Helper()
	s, err := cl.Workers().Connect(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Hello{Hello: h}}); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	_, err = s.Recv()
	return &session{t, s}, err
}

func lyingWorker(t *testing.T, c *cluster) {
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	liar := c.dial(c.certs("worker", "liar"))
	of := func(slots uint32) *apiv1.Hello {
		return &apiv1.Hello{Worker: "liar", Incarnation: 7, Numerics: api.ClassCPU, Slots: slots, Host: "h"}
	}
	for _, slots := range []uint32{0, 1 << 20, 1<<32 - 1} {
		if _, err := hello(ctx, t, liar, of(slots)); fault.ExitCode(err) != fault.ExitSpec {
			t.Errorf("%d slots: %v", slots, err)
		}
	}
	other := of(1)
	other.Worker = "w1"
	if _, err := hello(ctx, t, liar, other); !errors.Is(err, rpcerr.NotPermitted) {
		t.Errorf("a worker took another's name: %v", err)
	}
	s, err := hello(ctx, t, liar, of(2))
	if err != nil {
		t.Fatal(err)
	}
	// With the same process come more slots out of nowhere.
	if _, err := hello(ctx, t, liar, of(64)); err == nil {
		t.Error("a worker grew from 2 slots to 64 without a new process")
	}
	if s, err = hello(ctx, t, liar, of(2)); err != nil {
		t.Fatal(err)
	}
	work := fixture.Work("wanted", fixture.Options{})
	made, err := c.client.Submit(ctx, &apiv1.SubmitHeader{Name: "wanted", Device: "nowhere"}, []api.Work{work})
	if err != nil {
		t.Fatal(err)
	}
	// It is nobody's task, and least of all done.
	if why := s.report(&apiv1.Report{Number: 1, Kind: apiv1.ReportKind_REPORT_KIND_DONE, Task: work.Key.String(), Generation: 1}); why == "" {
		t.Error("a task that nobody has was reported done")
	}
	if why := s.report(&apiv1.Report{Number: 2, Kind: apiv1.ReportKind_REPORT_KIND_RELEASED, Task: strings.Repeat("f", 64), Generation: 1 << 60}); why == "" {
		t.Error("a task that there is not was released")
	}
	if counts := c.counts(made.Experiment); counts.Pending != 1 {
		t.Errorf("the task is %v, want pending", counts)
	}
	_ = s.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Deregister{Deregister: &apiv1.Deregister{}}})
	eventually(t, 20*time.Second, "rid of the liar", func() bool { return c.status().GetWorkers() == 1 })
}

// report sends one and returns why it was refused.
func (s *session) report(r *apiv1.Report) string {
	s.t.Helper()
	if err := s.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Report{Report: r}}); err != nil {
		s.t.Fatal(err)
	}
	for {
		m, err := s.Recv()
		if err != nil {
			s.t.Fatal(err)
		}
		if a := m.GetReport(); a != nil && a.Number == r.Number {
			return a.Refused
		}
	}
}
