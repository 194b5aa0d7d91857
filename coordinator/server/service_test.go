package server_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"

	"g2c/api"
	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/server"
	"g2c/internal/dataset"
)

// A request that comes again gets its first answer; under another's id it is refused.
func TestRequestsAreAppliedOnce(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	h := &apiv1.SubmitHeader{RequestId: "r1", Name: "e"}
	first, err := c.Submit(t.Context(), h, []api.Work{work("HE")})
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Submit(t.Context(), h, []api.Work{work("HE")})
	if err != nil || again.Experiment != first.Experiment || !again.Repeated {
		t.Errorf("again: %v, %v", again, err)
	}
	_, err = c.Experiments().CancelExperiment(t.Context(), &apiv1.CancelExperimentRequest{RequestId: "r1", Id: first.Experiment})
	if !errors.Is(err, rpcerr.RequestReused) {
		t.Errorf("another request under its id: %v", err)
	}
	_, err = c.Experiments().CancelExperiment(t.Context(), &apiv1.CancelExperimentRequest{Id: first.Experiment})
	if !errors.Is(err, rpcerr.BadRequest) {
		t.Errorf("a write without an id: %v", err)
	}
}

// What is wrong with a submission is said, and nothing is written.
func TestBadSubmissions(t *testing.T) {
	n := single(t, func(c *server.Config) {
		c.Store = emptyStore(t)
	})
	c := call(t, nil, n)
	lost := fixture.Work("ft", fixture.Options{Inputs: []api.Key{fixture.Data("nowhere")}})
	folder := work("HE")
	folder.Where = api.Where{Source: "PAS", Unlabelled: []api.StainPaths{{Stain: "HE", Paths: []string{"he"}}, {Stain: "PAS", Paths: []string{"pas"}}}}
	forged := work("HE")
	forged.Key = fixture.Data("another")
	before := n.memory.Snapshot().Index()
	for what, bad := range map[string]struct {
		works []api.Work
		h     *apiv1.SubmitHeader
		kind  *rpcerr.Kind
	}{
		"an input that nobody has": {[]api.Work{lost}, &apiv1.SubmitHeader{Name: "e"}, rpcerr.InputMissing},
		"data that nobody has":     {[]api.Work{folder}, &apiv1.SubmitHeader{Name: "e"}, rpcerr.DataMissing},
		"a forged key":             {[]api.Work{forged}, &apiv1.SubmitHeader{Name: "e"}, rpcerr.BadWork},
		"no work":                  {nil, &apiv1.SubmitHeader{Name: "e"}, rpcerr.BadRequest},
		"no name":                  {[]api.Work{work("HE")}, &apiv1.SubmitHeader{}, rpcerr.BadRequest},
		"a long name":              {[]api.Work{work("HE")}, &apiv1.SubmitHeader{Name: strings.Repeat("x", 300)}, rpcerr.BadRequest},
		"a name with a bell":       {[]api.Work{work("HE")}, &apiv1.SubmitHeader{Name: "a\x07"}, rpcerr.BadRequest},
		"negative memory":          {[]api.Work{work("HE")}, &apiv1.SubmitHeader{Name: "e", MemoryBytes: -1}, rpcerr.BadRequest},
	} {
		if _, err := c.Submit(t.Context(), bad.h, bad.works); !errors.Is(err, bad.kind) {
			t.Errorf("%s: %v, want %s", what, err, bad.kind.Reason)
		}
	}
	if i := n.memory.Snapshot().Index(); i != before {
		t.Errorf("%d entries were written", i-before)
	}
	if _, err := c.Submit(t.Context(), &apiv1.SubmitHeader{Name: "e", SharedPaths: true}, []api.Work{folder}); err != nil {
		t.Errorf("with shared paths: %v", err)
	}
}

// Messages beyond the limits are refused before they are read.
func TestLimits(t *testing.T) {
	n := single(t, func(c *server.Config) { c.Limits.CallsPerSecond, c.Limits.Burst = 0.001, 20 })
	c := call(t, nil, n)
	s, err := c.Experiments().Submit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	big := &apiv1.SubmitRequest{Part: &apiv1.SubmitRequest_Works{Works: &apiv1.SubmitWorks{Works: [][]byte{make([]byte, 5<<20)}}}}
	if err := s.Send(big); err != nil {
		t.Logf("send: %v", err)
	}
	if _, err := s.CloseAndRecv(); !errors.Is(err, rpcerr.TooMany) {
		t.Errorf("a message of 5 MiB: %v", err)
	}
	s, err = c.Experiments().Submit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := work("HE")
	many := &apiv1.SubmitWorks{}
	for range command.MaxWorks / 10 {
		many.Works = append(many.Works, w.Encode())
	}
	for range 11 {
		if s.Send(&apiv1.SubmitRequest{Part: &apiv1.SubmitRequest_Works{Works: many}}) != nil {
			break // refused already
		}
	}
	if _, err := s.CloseAndRecv(); !errors.Is(err, rpcerr.TooLarge) {
		t.Errorf("too many works: %v", err)
	}
	_, err = c.Tasks().ReadMetrics(t.Context(), &apiv1.ReadMetricsRequest{Names: make([]string, 100)})
	if !errors.Is(err, rpcerr.TooLarge) {
		t.Errorf("100 series: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Tasks().ListTasks(ctx, &apiv1.ListTasksRequest{}); !errors.Is(err, rpcerr.Interrupted) {
		t.Errorf("a call that was given up: %v", err)
	}
	flooding := call(t, as(server.Client, "flood"), n)
	impatient, done := context.WithTimeout(t.Context(), client.DefaultConfig().Attempt/16)
	defer done()
	for i := 0; ; i++ {
		_, err := flooding.Tasks().ListTasks(impatient, &apiv1.ListTasksRequest{})
		if errors.Is(err, rpcerr.TooFast) && i == 20 {
			break
		}
		if err != nil || i > 20 {
			t.Fatalf("call %d: %v", i, err)
		}
	}
	if _, err := c.Cluster().Status(t.Context(), &apiv1.StatusRequest{}); err != nil {
		t.Errorf("another caller is shut out by the flood: %v", err)
	}
}

// Lists come in pages, and together they are everything, once.
func TestPages(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	var names []string
	for i := range 7 {
		submit(t, c, fmt.Sprintf("e%d", i), work(fmt.Sprintf("S%d", i)))
		names = append(names, fmt.Sprintf("S%d", i))
	}
	var got []string
	token := ""
	for range 4 {
		r, err := c.Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{PageSize: 2, PageToken: token})
		if err != nil {
			t.Fatal(err)
		}
		for _, task := range r.Tasks {
			got = append(got, task.Name)
		}
		token = r.NextPageToken
	}
	if !slices.Equal(got, names) || token != "" {
		t.Errorf("got %v, and more at %q", got, token)
	}
	e, err := c.Experiments().ListExperiments(t.Context(), &apiv1.ListExperimentsRequest{PageSize: 3})
	if err != nil || len(e.Experiments) != 3 || e.NextPageToken == "" {
		t.Errorf("%v, %v", e, err)
	}
	if _, err := c.Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{PageToken: "%%"}); !errors.Is(err, rpcerr.BadRequest) {
		t.Errorf("a token of nobody's: %v", err)
	}
}

// A task is found by the beginning of its key, and says why it waits.
func TestDescribe(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	first, second := work("HE"), fixture.Work("gs", fixture.Options{Inputs: []api.Key{work("HE").Key}})
	r := submit(t, c, "e", first, second)
	d, err := c.Tasks().DescribeTask(t.Context(), &apiv1.DescribeTaskRequest{Key: second.Key.String()[:8]})
	if err != nil || d.Task.Key != second.Key.String() || len(d.Inputs) != 1 || !slices.Equal(d.Experiments, []string{r.Experiment}) {
		t.Fatalf("%v, %v", d, err)
	}
	for err == nil && d.Task.Waiting == "" { // the plan comes a little later
		d, err = c.Tasks().DescribeTask(t.Context(), &apiv1.DescribeTaskRequest{Key: second.Key.String()})
	}
	if err != nil || !strings.Contains(d.Task.Waiting, "waits for HE") {
		t.Errorf("it waits: %q, %v", d.Task.Waiting, err)
	}
	for task, want := range map[string]*rpcerr.Kind{"": rpcerr.BadRequest, "abc": rpcerr.BadRequest, "XYZW": rpcerr.BadRequest, "00000000": rpcerr.NotFound} {
		if _, err := c.Tasks().DescribeTask(t.Context(), &apiv1.DescribeTaskRequest{Key: task}); !errors.Is(err, want) {
			t.Errorf("%q: %v", task, err)
		}
	}
}

// A token opens what its role and its project allow, until it is revoked.
func TestTokens(t *testing.T) {
	n := single(t, func(c *server.Config) { c.RequireTokens = true })
	root := call(t, as(server.Coordinator, "c1"), n)
	bare := call(t, as(server.Client, "ann"), n)
	if _, err := call(t, as(server.Local, "loopback"), n).Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{}); !errors.Is(err, rpcerr.Unauthenticated) {
		t.Errorf("with neither a token nor a certificate: %v", err)
	}
	if _, err := bare.Submit(t.Context(), &apiv1.SubmitHeader{Name: "e"}, []api.Work{work("HE")}); !errors.Is(err, rpcerr.NotPermitted) {
		t.Errorf("a viewer submits: %v", err)
	}
	for _, name := range []string{"p", "q"} {
		if _, err := root.Cluster().SetProject(t.Context(), &apiv1.SetProjectRequest{RequestId: name, Name: name, Weight: 1}); err != nil {
			t.Fatal(err)
		}
	}
	make := func(role apiv1.Role, project string) (context.Context, string) {
		t.Helper()
		text, hash := client.NewToken()
		r, err := root.Tokens().CreateToken(t.Context(), &apiv1.CreateTokenRequest{RequestId: client.RequestID(), Role: role, Project: project, Hash: hash, ValidMs: 3600_000})
		if err != nil {
			t.Fatal(err)
		}
		return metadata.AppendToOutgoingContext(t.Context(), apiv1.AuthorizationHeader, "Bearer "+text), r.Token.Id
	}
	submitter, id := make(apiv1.Role_ROLE_SUBMITTER, "p")
	if _, err := bare.Submit(submitter, &apiv1.SubmitHeader{Name: "e"}, []api.Work{work("HE")}); !errors.Is(err, rpcerr.NotPermitted) {
		t.Errorf("into another project: %v", err)
	}
	mine, err := bare.Submit(submitter, &apiv1.SubmitHeader{Name: "e", Project: "p"}, []api.Work{work("HE")})
	if err != nil {
		t.Fatal(err)
	}
	other, err := root.Submit(t.Context(), &apiv1.SubmitHeader{Name: "f", Project: "q"}, []api.Work{work("TRI")})
	if err != nil {
		t.Fatal(err)
	}
	list, err := bare.Experiments().ListExperiments(submitter, &apiv1.ListExperimentsRequest{})
	if err != nil || len(list.Experiments) != 1 || list.Experiments[0].Id != mine.Experiment {
		t.Errorf("it sees %v, %v", list, err)
	}
	if _, err := bare.Experiments().GetExperiment(submitter, &apiv1.GetExperimentRequest{Id: other.Experiment}); !errors.Is(err, rpcerr.NotFound) {
		t.Errorf("another project's experiment: %v", err)
	}
	theirs := work("TRI")
	if _, err := bare.Tasks().DescribeTask(submitter, &apiv1.DescribeTaskRequest{Key: theirs.Key.String()}); !errors.Is(err, rpcerr.NotFound) {
		t.Errorf("another project's task: %v", err)
	}
	viewer, _ := make(apiv1.Role_ROLE_VIEWER, "")
	if _, err := bare.Experiments().CancelExperiment(viewer, &apiv1.CancelExperimentRequest{RequestId: "r", Id: mine.Experiment}); !errors.Is(err, rpcerr.NotPermitted) || !strings.Contains(err.Error(), "CancelExperiment takes the role submitter") {
		t.Errorf("a viewer cancels: %v", err)
	}
	operator, _ := make(apiv1.Role_ROLE_OPERATOR, "p")
	if _, err := bare.Cluster().SetProject(operator, &apiv1.SetProjectRequest{RequestId: "r", Name: "p", Weight: 9}); !errors.Is(err, rpcerr.NotPermitted) {
		t.Errorf("an operator of one project sets its weight: %v", err)
	}
	if _, err := root.Tokens().RevokeToken(t.Context(), &apiv1.RevokeTokenRequest{RequestId: "revoke", Id: id}); err != nil {
		t.Fatal(err)
	}
	if _, err := bare.Tasks().ListTasks(submitter, &apiv1.ListTasksRequest{}); !errors.Is(err, rpcerr.Unauthenticated) {
		t.Errorf("a token that was revoked: %v", err)
	}
	for _, text := range []string{"Bearer g2c_00", "Bearer x", "g2c_" + strings.Repeat("0", 64)} {
		ctx := metadata.AppendToOutgoingContext(t.Context(), apiv1.AuthorizationHeader, text)
		if _, err := bare.Tasks().ListTasks(ctx, &apiv1.ListTasksRequest{}); !errors.Is(err, rpcerr.Unauthenticated) {
			t.Errorf("%q: %v", text, err)
		}
	}
	all, err := root.Tokens().ListTokens(t.Context(), &apiv1.ListTokensRequest{})
	if err != nil || len(all.Tokens) != 3 || strings.Contains(all.String(), apiv1.TokenPrefix) {
		t.Errorf("%v, %v", all, err)
	}
}

// What an operator does to projects and workers is done, and in the audit.
func TestOperators(t *testing.T) {
	n := single(t, nil)
	c := call(t, as(server.Client, "op"), n)
	w := mustConnect(t, c, hello("w1", 1))
	if _, err := c.Cluster().SetProject(t.Context(), &apiv1.SetProjectRequest{RequestId: "1", Name: "p", Weight: 3, Quota: 2}); err != nil {
		t.Fatal(err)
	}
	set, err := c.Workers().SetWorkerMode(t.Context(), &apiv1.SetWorkerModeRequest{RequestId: "2", Id: "w1", Mode: apiv1.WorkerMode_WORKER_MODE_CORDONED, Reason: "disk"})
	if err != nil || set.Worker.Mode != apiv1.WorkerMode_WORKER_MODE_CORDONED || !set.Worker.Connected {
		t.Errorf("%v, %v", set, err)
	}
	if _, err := c.Workers().RemoveWorker(t.Context(), &apiv1.RemoveWorkerRequest{RequestId: "3", Id: "w1"}); !errors.Is(err, rpcerr.Conflict) {
		t.Errorf("a worker that is connected is removed: %v", err)
	}
	if err := w.stream.Send(&apiv1.ConnectRequest{Message: &apiv1.ConnectRequest_Deregister{Deregister: &apiv1.Deregister{}}}); err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, err = w.stream.Recv()
	}
	if n.memory.Snapshot().Worker("w1") != nil {
		t.Errorf("w1 is there after its deregistering: %v", err)
	}
	if _, err := c.Workers().SetWorkerMode(t.Context(), &apiv1.SetWorkerModeRequest{RequestId: "4", Id: "w1", Mode: apiv1.WorkerMode_WORKER_MODE_READY}); !errors.Is(err, rpcerr.NotFound) {
		t.Errorf("a worker that is gone: %v", err)
	}
	projects, err := c.Cluster().ListProjects(t.Context(), &apiv1.ListProjectsRequest{})
	if err != nil || len(projects.Projects) != 2 || projects.Projects[1].Quota != 2 {
		t.Errorf("%v, %v", projects, err)
	}
	audits, err := c.Cluster().ListAudits(t.Context(), &apiv1.ListAuditsRequest{})
	var got []string
	for _, a := range audits.GetAudits() {
		got = append(got, a.Principal+" "+a.Verb+" "+a.Subject+" "+a.Outcome)
	}
	want := []string{"client/op set project p ok", "client/op set worker cordoned w1 ok", "client/op set worker ready w1 worker w1: no such worker"}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("audit %q, %v", got, err)
	}
	if _, err := c.Cluster().AddMember(t.Context(), &apiv1.AddMemberRequest{RequestId: "5", Id: "c2", Address: "h:1"}); !errors.Is(err, rpcerr.Unsupported) {
		t.Errorf("a member of a cluster in memory: %v", err)
	}
}

// Data is stored under the fingerprint that it has, and nothing else is; what reads
// it can be submitted then.
func TestUploads(t *testing.T) {
	spool := filepath.Join(t.TempDir(), "spool")
	if err := os.Mkdir(spool, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(spool, "g2c-upload-1"), []byte("left by a process that was killed"), 0o600); err != nil {
		t.Fatal(err)
	}
	n := single(t, func(c *server.Config) { c.Store, c.Limits.UploadBytes, c.Spool = emptyStore(t), 1<<20, spool })
	c := call(t, nil, n)
	set := dataset.New(64, []dataset.Image{{Name: "a.png", Label: "l"}}, [][]uint8{make([]uint8, 64*64*3)})
	write := func(w io.Writer) error { return dataset.WritePack(w, set) }
	wrong := fixture.Data("another").String()
	for what, u := range map[string]struct {
		print string
		bytes int64
		write func(io.Writer) error
		kind  *rpcerr.Kind
	}{
		"another fingerprint": {wrong, dataset.PackBytes(set), write, rpcerr.BadData},
		"too few bytes":       {set.Fingerprint(), dataset.PackBytes(set) + 1, write, rpcerr.BadRequest},
		"too many bytes":      {set.Fingerprint(), dataset.PackBytes(set) - 1, write, rpcerr.BadRequest},
		"garbage":             {set.Fingerprint(), 7, func(w io.Writer) error { _, err := w.Write([]byte("garbage")); return err }, rpcerr.BadData},
		"more than a limit":   {set.Fingerprint(), 2 << 20, write, rpcerr.TooLarge},
		"no fingerprint":      {"x", dataset.PackBytes(set), write, rpcerr.BadRequest},
	} {
		if err := c.Upload(t.Context(), u.print, u.bytes, u.write); !errors.Is(err, u.kind) {
			t.Errorf("%s: %v, want %s", what, err, u.kind.Reason)
		}
	}
	reads := work("HE")
	reads.Where = api.Where{Source: "PAS", Unlabelled: []api.StainPaths{{Stain: "HE", Paths: []string{"he"}}, {Stain: "PAS", Paths: []string{"pas"}}}}
	key, err := api.ParseKey(set.Fingerprint())
	if err != nil {
		t.Fatal(err)
	}
	reads.Task.Pretrain.Data = key
	reads.Key = reads.Task.Key()
	if _, err := c.Submit(t.Context(), &apiv1.SubmitHeader{Name: "e"}, []api.Work{reads}); !errors.Is(err, rpcerr.DataMissing) {
		t.Errorf("before the upload: %v", err)
	}
	for range 2 {
		if err := c.Upload(t.Context(), set.Fingerprint(), dataset.PackBytes(set), write); err != nil {
			t.Fatal(err)
		}
	}
	stat, err := c.Data().StatData(t.Context(), &apiv1.StatDataRequest{Fingerprints: []string{set.Fingerprint(), wrong}})
	if err != nil || !stat.Data[0].Stored || stat.Data[0].SizeBytes != dataset.PackBytes(set) || stat.Data[1].Stored {
		t.Errorf("%v, %v", stat, err)
	}
	submit(t, c, "e", reads)
	if left, err := os.ReadDir(spool); err != nil || len(left) > 0 {
		t.Errorf("%d uploads are left, %v", len(left), err)
	}
}

// A token ends when its time is over, and its last moment is not refused.
func TestTokensEnd(t *testing.T) {
	n, c, _ := clocked(t)
	root := call(t, nil, n)
	text, hash := client.NewToken()
	if _, err := root.Tokens().CreateToken(t.Context(), &apiv1.CreateTokenRequest{RequestId: "r", Role: apiv1.Role_ROLE_VIEWER, Hash: hash, ValidMs: 60_000}); err != nil {
		t.Fatal(err)
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), apiv1.AuthorizationHeader, "Bearer "+text)
	c.Advance(59_999 * time.Millisecond)
	if _, err := root.Tasks().ListTasks(ctx, &apiv1.ListTasksRequest{}); err != nil {
		t.Errorf("before its end: %v", err)
	}
	c.Advance(time.Millisecond)
	if _, err := root.Tasks().ListTasks(ctx, &apiv1.ListTasksRequest{}); !errors.Is(err, rpcerr.Unauthenticated) {
		t.Errorf("after its end: %v", err)
	}
	for _, bad := range []*apiv1.CreateTokenRequest{
		{RequestId: "1", Role: apiv1.Role_ROLE_VIEWER, Hash: hash[:31]}, {RequestId: "2", Hash: hash}, {RequestId: "3", Role: apiv1.Role_ROLE_VIEWER, Hash: hash, ValidMs: -1},
	} {
		if _, err := root.Tokens().CreateToken(t.Context(), bad); !errors.Is(err, rpcerr.BadRequest) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	if _, err := root.Tokens().CreateToken(t.Context(), &apiv1.CreateTokenRequest{RequestId: "4", Role: apiv1.Role_ROLE_VIEWER, Hash: hash}); !errors.Is(err, rpcerr.Exists) {
		t.Errorf("a hash that is there: %v", err)
	}
}
