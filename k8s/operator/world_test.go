package operator_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"g2c/api"
	g2c "g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/replica"
	"g2c/coordinator/server"
	"g2c/experiments/datasource"
	"g2c/experiments/spec"
	"g2c/experiments/sweep"
	"g2c/internal/clock"
	"g2c/internal/fault"
	"g2c/k8s/api/v1alpha1"
	"g2c/k8s/operator"
	"g2c/k8s/servers"
	"g2c/worker/agent"
	"g2c/worker/rehearse"
)

// plane is the control plane that the tests share: a real etcd and kube-apiserver, begun by
// the first test that needs them.
var plane struct {
	sync.Mutex
	env    *envtest.Environment
	config *rest.Config
	spaces atomic.Int64
}

func TestMain(m *testing.M) {
	code := m.Run()
	if plane.env != nil {
		if err := plane.env.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

// apiserver is how to reach the control plane.
func apiserver(t *testing.T) *rest.Config {
	t.Helper()
	assets := servers.Need(t)
	plane.Lock()
	defer plane.Unlock()
	if plane.env == nil {
		env := &envtest.Environment{BinaryAssetsDirectory: assets, CRDDirectoryPaths: []string{"../crds"}, ErrorIfCRDPathMissing: true}
		config, err := env.Start()
		if err != nil {
			t.Fatal(err)
		}
		config.QPS = -1
		plane.env, plane.config = env, config
	}
	return rest.CopyConfig(plane.config)
}

// world is a namespace of its own on the apiserver, with a Cluster whose coordinator runs in
// this process.
type world struct {
	t      *testing.T
	admin  client.WithWatch
	space  string
	server string // host:port of the coordinator
	coord  *g2c.Client
	clock  *clock.Fake
	events *events.FakeRecorder
	dialed []grpc.DialOption // of the operator's connections
	issue  func(worker string, valid time.Duration) (map[string][]byte, error)
	// authority issues the certificates of coordinators that the operator runs.
	authority operator.Authority
	level     uint32 // that the operator's release reads
	// coordinators answer for those that the operator runs; empty where it runs none.
	coordinators string
}

func newWorld(t *testing.T) *world {
	t.Helper()
	return newWorldOn(t, apiserver(t))
}

func newWorldOn(t *testing.T, config *rest.Config) *world {
	t.Helper()
	w := &world{t: t, clock: clock.NewFake(time.Now()), events: events.NewFakeRecorder(100)}
	w.admin = clientFor(t, config)
	w.space = fmt.Sprintf("t%d", plane.spaces.Add(1))
	ns := &corev1.Namespace{}
	ns.Name = w.space
	ns.Labels = map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}
	w.create(ns)
	w.server = coordinator(t)
	w.coord = dial(t, w.server)
	if _, err := w.coord.Cluster().SetProject(t.Context(), &apiv1.SetProjectRequest{RequestId: "p", Name: w.space, Weight: 1}); err != nil {
		t.Fatal(err)
	}
	w.create(w.cluster("main", w.server))
	return w
}

func clientFor(t *testing.T, config *rest.Config) client.WithWatch {
	t.Helper()
	scheme, err := operator.Scheme()
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.NewWithWatch(config, client.Options{Scheme: scheme})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dial(t *testing.T, address string, options ...grpc.DialOption) *g2c.Client {
	t.Helper()
	cfg := g2c.DefaultConfig()
	cfg.Servers, cfg.Options = []string{address}, options
	c, err := g2c.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// coordinator runs a cluster of one until the test ends.
func coordinator(t *testing.T) string {
	t.Helper()
	m := replica.NewMemory("c1", time.Now)
	if _, err := m.Propose(t.Context(), command.Entry{Command: command.Raise{Level: command.Level}}); err != nil {
		t.Fatal(err)
	}
	cfg := server.DefaultConfig()
	cfg.Replica, cfg.PlanGap = m, 0
	cfg.Identify = func(context.Context) (server.Caller, error) {
		return server.Caller{Role: server.Local, Name: "test"}, nil
	}
	s, err := server.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	g := grpc.NewServer(s.Options()...)
	s.Register(g)
	ended := make(chan error, 2)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- g.Serve(l) }()
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		g.Stop()
		for range 2 {
			if err := <-ended; err != nil {
				t.Errorf("coordinator: %v", err)
			}
		}
		s.Close()
	})
	return l.Addr().String()
}

// work connects a worker that pretends to train.
func (w *world) work(name string) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	conn := dial(w.t, w.server) // closed when the worker has said goodbye
	offer := agent.Offer{Worker: name, Incarnation: 1, Device: "cpu", Slots: 2, Class: api.ClassCPU, Host: name, Boot: "b"}
	go func() {
		ended <- agent.Run(ctx, agent.Config{
			Offer: offer, Coordinator: agent.Over(conn.Workers()), Log: slog.New(slog.DiscardHandler),
			Executor: &rehearse.Executor{Worker: name, For: time.Millisecond},
		})
	}()
	w.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			w.t.Errorf("worker %s: %v", name, err)
		}
	})
}

// config is the operator's.
func (w *world) config() operator.Config {
	return operator.Config{
		Read: read, Issue: w.issue, Authority: w.authority, Level: w.level, Clock: w.clock, Log: slog.New(slog.NewTextHandler(w.t.Output(), nil)), Workers: 2, Metrics: "0", Health: "0",
		Dial: func(servers []string, _ map[string][]byte) (*g2c.Client, error) {
			cfg := g2c.DefaultConfig()
			cfg.Servers, cfg.Options, cfg.Patience = servers, w.dialed, time.Second
			if strings.Contains(servers[0], ".svc:") { // nobody answers for such names here
				cfg.Servers = []string{w.coordinators}
			}
			c, err := g2c.New(cfg)
			if err == nil {
				w.t.Cleanup(func() { c.Close() })
			}
			return c, err
		},
	}
}

// data is made up once for all tests.
var data = &datasource.Opener{}

// read reads a spec with the reader of the command line.
func read(name string, text []byte) (*operator.Spec, error) {
	file, err := spec.Parse(name, text)
	if err != nil {
		return nil, err
	}
	s := &operator.Spec{Name: file.Spec.Metadata.Name, Device: string(file.Spec.Device), Files: file.Spec.Data.Synthetic == nil}
	if p := file.Spec.Metadata.Project; p != "default" {
		s.Project = p
	}
	s.Works = func(ctx context.Context, class string) (works []api.Work, err error) {
		plan, err := sweep.Expand(file, sweep.Options{Numerics: class, Fingerprint: func(d api.DataSet) (api.Key, error) { return data.Fingerprint(ctx, d) }})
		if err != nil {
			return nil, err
		}
		for _, i := range plan.Items {
			works = append(works, i.Work)
		}
		return works, nil
	}
	return s, nil
}

// operatorOver makes reconcilers over a client, as a fresh process has them.
func (w *world) operatorOver(c client.Client) (*operator.Experiments, *operator.WorkerPools) {
	r := operator.New(c, c, w.events, w.config())
	return r.Experiments, r.Pools
}

func (w *world) create(o client.Object) {
	w.t.Helper()
	if err := w.admin.Create(w.t.Context(), o); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) cluster(name string, servers ...string) *v1alpha1.Cluster {
	c := &v1alpha1.Cluster{Spec: v1alpha1.ClusterSpec{Servers: servers, Store: "s3://bucket/g2c", Image: "g2c:test"}}
	c.Name, c.Namespace = name, w.space
	return c
}

// experiment is one of a spec, not created yet.
func (w *world) experiment(name, text string) *v1alpha1.Experiment {
	e := &v1alpha1.Experiment{Spec: v1alpha1.ExperimentSpec{Experiment: text, ClusterRef: v1alpha1.LocalReference{Name: "main"}}}
	e.Name, e.Namespace = name, w.space
	return e
}

// tiny is a spec that is small and has made-up data.
func tiny(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("../../test/e2e/testdata/tiny.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func request(o client.Object) ctrl.Request {
	return ctrl.Request{NamespacedName: client.ObjectKeyFromObject(o)}
}

// look has an operator that has just begun look at an Experiment once.
func (w *world) look(e *v1alpha1.Experiment) error {
	w.t.Helper()
	r, _ := w.operatorOver(w.admin)
	_, err := r.Reconcile(w.t.Context(), request(e))
	return err
}

// mustLook looks, and reads what the Experiment has become.
func (w *world) mustLook(e *v1alpha1.Experiment) *v1alpha1.Experiment {
	w.t.Helper()
	if err := w.look(e); err != nil {
		w.t.Fatal(err)
	}
	return w.get(e)
}

func (w *world) get(e *v1alpha1.Experiment) *v1alpha1.Experiment {
	w.t.Helper()
	var out v1alpha1.Experiment
	if err := w.admin.Get(w.t.Context(), client.ObjectKeyFromObject(e), &out); err != nil {
		w.t.Fatal(err)
	}
	return &out
}

// holds checks a condition of an Experiment, and that its message has some words.
func holds(t *testing.T, e *v1alpha1.Experiment, kind string, status metav1.ConditionStatus, words ...string) {
	t.Helper()
	c := meta.FindStatusCondition(e.Status.Conditions, kind)
	if c == nil || c.Status != status || c.ObservedGeneration != e.Generation {
		t.Fatalf("%s is %+v, want %s of generation %d", kind, c, status, e.Generation)
	}
	for _, word := range words {
		if !strings.Contains(c.Message, word) {
			t.Errorf("%s says %q, without %q", kind, c.Message, word)
		}
	}
}

// experiments are those that the coordinator has.
func (w *world) experiments() (out []*apiv1.Experiment) {
	w.t.Helper()
	for e, err := range w.coord.AllExperiments(w.t.Context(), "") {
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, e)
	}
	return out
}

// planned waits until the coordinator's plan is of all that was written.
func (w *world) planned() {
	w.t.Helper()
	written, err := w.coord.Tasks().ListTasks(w.t.Context(), &apiv1.ListTasksRequest{PageSize: 1})
	if err != nil {
		w.t.Fatal(err)
	}
	within(w.t, "a plan", func() bool {
		d, err := w.coord.Workers().ListDemand(w.t.Context(), &apiv1.ListDemandRequest{})
		if err != nil {
			w.t.Fatal(err)
		}
		return d.Index >= written.Index
	})
}

// ended waits until the coordinator's experiment has ended.
func (w *world) ended(id string) {
	w.t.Helper()
	enough := fault.New(fault.ErrInterrupted, "enough")
	err := w.coord.Watch(w.t.Context(), &apiv1.WatchRequest{Experiment: id}, func(m *apiv1.WatchResponse) error {
		for _, e := range m.Experiments {
			if e.Id == id && e.State != apiv1.ExperimentState_EXPERIMENT_STATE_RUNNING {
				return enough
			}
		}
		return nil
	})
	if err != enough {
		w.t.Fatalf("watch: %v", err)
	}
}

// within waits for something that others bring about.
func within(t *testing.T, what string, so func() bool) {
	t.Helper()
	late := time.After(30 * time.Second)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-late:
			t.Fatalf("still not: %s", what)
		case <-again.C:
		}
	}
}
