package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/kubernetes"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/operator"
	"g2c/k8s/servers"
	"g2c/k8s/servers/kubelet"
)

// program is the g2c under test.
var program string

func TestMain(m *testing.M) {
	kubelet.Container()
	ctrl.SetLogger(logr.Discard())
	os.Exit(servers.Isolated(m.Run))
}

// space is the namespace of the tests.
const space = "team"

// nodes of the cluster.
var nodes = []string{"n1", "n2", "n3"}

// kit is a control plane with nodes, and an operator that can be killed.
type kit struct {
	t     *testing.T // the subtest that runs
	all   *testing.T
	admin client.WithWatch
	plane *servers.Plane
	root  string // folder of everything
	// pretend has pods be ready without running anything.
	pretend bool
	flags   []string // of the operator, beside those that it always has

	mu       sync.Mutex
	operator *exec.Cmd
}

// patience is how long anything may take: these machines may be busy with other things.
const patience = 5 * time.Minute

func newKit(t *testing.T) *kit {
	t.Helper()
	return (&kit{t: t, all: t}).begun()
}

// begun starts everything but the operator.
func (k *kit) begun() *kit {
	t := k.t
	t.Helper()
	servers.NeedIsolation(t)
	programs := servers.Need(t, "kube-controller-manager", "kube-scheduler")
	k.root = t.TempDir()
	program = filepath.Join(k.root, "g2c")
	if out, err := exec.Command("go", "build", "-o", program, "g2c/cmd/g2c").CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	logs := k.folder("plane")
	var err error
	if k.plane, err = servers.Start(programs, logs, "../crds"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.plane.Stop(); err != nil {
			t.Error(err)
		}
	})
	scheme, err := operator.Scheme()
	k.must(err)
	k.admin, err = client.NewWithWatch(k.plane.Config, client.Options{Scheme: scheme})
	k.must(err)
	k.install()
	k.startNodes()
	ns := &corev1.Namespace{}
	ns.Name, ns.Labels = space, map[string]string{"pod-security.kubernetes.io/enforce": "restricted"}
	k.create(ns)
	for n := range 12 {
		k.create(volume(n))
	}
	t.Cleanup(k.tell)
	return k
}

func (k *kit) folder(name string) string {
	dir := filepath.Join(k.root, name)
	k.must(os.MkdirAll(dir, 0o755))
	return dir
}

func (k *kit) must(err error) {
	k.t.Helper()
	if err != nil {
		k.t.Fatal(err)
	}
}

func (k *kit) create(o client.Object) {
	k.t.Helper()
	k.must(k.admin.Create(k.t.Context(), o))
}

// install applies the operator's manifests, but for its Deployment: it runs as a process that
// tests can kill, with the rights that it has there.
func (k *kit) install() {
	k.t.Helper()
	for _, u := range k.manifest("operator.yaml") {
		if u.GetKind() == "Deployment" {
			continue
		}
		k.must(k.admin.Apply(k.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("test"), client.ForceOwnership))
	}
	text, err := os.ReadFile(k.plane.Kubeconfig)
	k.must(err)
	as := bytes.Replace(text, []byte("  user:\n"), []byte("  user:\n    as: system:serviceaccount:g2c-system:g2c-operator\n"), 1)
	if bytes.Equal(as, text) {
		k.t.Fatalf("no user in the kubeconfig:\n%s", text)
	}
	k.must(os.WriteFile(k.kubeconfig(), as, 0o600))
}

// manifest is the objects of a file of the manifests.
func (k *kit) manifest(name string) (all []*unstructured.Unstructured) {
	k.t.Helper()
	f, err := os.Open(filepath.Join("../manifests", name))
	k.must(err)
	defer f.Close()
	for objects := yaml.NewYAMLOrJSONDecoder(f, 4096); ; {
		u := &unstructured.Unstructured{}
		err := objects.Decode(&u.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		k.must(err)
		all = append(all, u)
	}
}

func (k *kit) kubeconfig() string { return filepath.Join(k.root, "operator.kubeconfig") }

// startNodes begins the nodes, and names for what runs on them.
func (k *kit) startNodes() {
	k.t.Helper()
	hosts := filepath.Join(k.root, "hosts")
	k.must(os.WriteFile(hosts, []byte("127.0.0.1 localhost\n"), 0o644))
	k.must(syscall.Mount(hosts, "/etc/hosts", "", syscall.MS_BIND, ""))
	clients, err := kubernetes.NewForConfig(k.plane.Config)
	k.must(err)
	ctx, cancel := context.WithCancel(context.Background())
	log, err := os.Create(filepath.Join(k.root, "kubelet.log"))
	k.must(err)
	var work sync.WaitGroup
	work.Go(func() {
		if err := kubelet.Names(ctx, clients, hosts); err != nil {
			k.all.Errorf("names: %v", err)
		}
	})
	for n, name := range nodes {
		work.Go(func() {
			err := kubelet.Run(ctx, kubelet.Config{
				Name: name, Client: clients, Range: fmt.Sprintf("10.99.%d", n+1), Root: k.root,
				Binds: map[string]string{"/usr/local/bin/g2c": program}, Pretend: k.pretend, Log: slog.New(slog.NewTextHandler(log, nil)),
			})
			if err != nil {
				k.all.Errorf("node %s: %v", name, err)
			}
		})
	}
	k.all.Cleanup(func() {
		cancel()
		work.Wait()
	})
}

// begin starts an operator.
func (k *kit) begin() {
	k.t.Helper()
	log, err := os.OpenFile(filepath.Join(k.root, "operator.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	k.must(err)
	defer log.Close()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.operator = exec.Command(program, append([]string{"operator", "--kubeconfig", k.kubeconfig(), "--namespace", space}, k.flags...)...)
	k.operator.Stdout, k.operator.Stderr = log, log
	k.operator.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	k.must(k.operator.Start())
}

// kill ends the operator as a power cut would.
func (k *kit) kill() {
	k.t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	k.must(k.operator.Process.Kill())
	k.operator.Wait() // how it ended is known
}

// run runs g2c, and returns what it says.
func (k *kit) run(args ...string) string {
	k.t.Helper()
	return k.exec(program, args...)
}

// kubectl runs kubectl as an admin.
func (k *kit) kubectl(args ...string) string {
	k.t.Helper()
	return k.exec(filepath.Join(servers.Folder(), "kubectl"), append([]string{"--kubeconfig", k.plane.Kubeconfig}, args...)...)
}

func (k *kit) exec(name string, args ...string) string {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, name, args...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr, c.Dir = &stdout, &stderr, k.root
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "G2C_") {
			c.Env = append(c.Env, e)
		}
	}
	if err := c.Run(); err != nil {
		k.t.Fatalf("%s %v: %v\n%s", filepath.Base(name), args, err, stderr.String())
	}
	return stdout.String()
}

// until waits for something, looking whenever one of some objects changes.
func (k *kit) until(what string, list client.ObjectList, so func() bool) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(k.t.Context(), patience)
	defer cancel()
	for ctx.Err() == nil {
		w, err := k.admin.Watch(ctx, list, client.InNamespace(space))
		if err != nil {
			break
		}
		for ok := true; ok; _, ok = <-w.ResultChan() { // the channel ends with the context, or sooner
			if so() {
				w.Stop()
				return
			}
		}
	}
	k.t.Fatalf("still not: %s", what)
}

// tell writes the last words of all programs, if a test failed.
func (k *kit) tell() {
	if !k.t.Failed() {
		return
	}
	const last = 2000
	files, err := filepath.Glob(filepath.Join(k.root, "logs", space, "*", "*.log"))
	if err != nil {
		k.t.Error(err)
	}
	for _, file := range append(files, filepath.Join(k.root, "operator.log"), filepath.Join(k.root, "kubelet.log")) {
		b, err := os.ReadFile(file)
		if err != nil {
			k.t.Log(err)
			continue
		}
		k.t.Logf("--- the end of %s\n%s", strings.TrimPrefix(file, k.root), b[max(0, len(b)-last):])
	}
}
