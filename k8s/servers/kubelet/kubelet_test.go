package kubelet

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes/fake"
	ktesting "k8s.io/client-go/testing"

	"g2c/k8s/servers"
)

func TestMain(m *testing.M) {
	Container()
	os.Exit(servers.Isolated(m.Run))
}

// stage is a node without a control plane.
func stage(t *testing.T, objects ...runtime.Object) *Node {
	t.Helper()
	servers.NeedIsolation(t)
	return &Node{
		Config: Config{Name: "n1", Client: fake.NewClientset(objects...), Range: "10.99.1", Root: t.TempDir(), Log: slog.New(slog.NewTextHandler(t.Output(), nil))},
		pods:   map[types.UID]*pod{}, next: 2,
	}
}

func shell(script string) *corev1.Pod {
	p := &corev1.Pod{Spec: corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{{
		Name: "main", Command: []string{"sh", "-c", script},
		Env: []corev1.EnvVar{{Name: "IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}}},
	}}}}
	p.Name, p.Namespace, p.UID = "p", "team", "uid-p"
	return p
}

// play runs a pod until its process has ended, deletes it, and returns what it wrote and its
// last status.
func play(t *testing.T, n *Node, p *corev1.Pod, meanwhile func(d *pod)) (string, corev1.PodStatus) {
	t.Helper()
	var last corev1.PodStatus
	n.Client.(*fake.Clientset).PrependReactor("update", "pods", func(a ktesting.Action) (bool, runtime.Object, error) {
		last = a.(ktesting.UpdateAction).GetObject().(*corev1.Pod).Status // reports come one after the other
		return false, nil, nil
	})
	d := n.newPod(p)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		d.run(t.Context())
	}()
	meanwhile(d)
	if d.asked.Err() == nil {
		until(t, n, p, func(s *corev1.PodStatus) bool { return s.Phase == corev1.PodSucceeded || s.Phase == corev1.PodFailed })
		d.end(time.Now(), 0)
	}
	<-ended
	text, err := os.ReadFile(LogFile(n.Root, p.Namespace, p.Name, "main"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := n.Client.CoreV1().Pods(p.Namespace).Get(t.Context(), p.Name, metav1.GetOptions{}); err == nil {
		t.Error("the pod is still there")
	}
	return string(text), last
}

// until reads a pod's status until it is as wanted.
func until(t *testing.T, n *Node, p *corev1.Pod, so func(s *corev1.PodStatus) bool) *corev1.PodStatus {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for {
		got, err := n.Client.CoreV1().Pods(p.Namespace).Get(ctx, p.Name, metav1.GetOptions{})
		if err == nil && so(&got.Status) {
			return &got.Status
		}
		select {
		case <-ctx.Done():
			t.Fatalf("it stayed %+v, %v", got.Status, err)
		case <-again.C:
		}
	}
}

// A container has its volumes in their places, its own processes and its address, and what it
// ends with is said.
func TestAContainer(t *testing.T) {
	p := shell(`cat /etc/deep/er/a /etc/conf/k /data/x; echo pid $$ ip $IP; echo kept >> /data/x; exit 7`)
	secret := &corev1.Secret{Data: map[string][]byte{"k": []byte("secret\n")}}
	secret.Name, secret.Namespace = "s", "team"
	config := &corev1.ConfigMap{Data: map[string]string{"k": "config\n"}}
	config.Name, config.Namespace = "m", "team"
	claim := &corev1.PersistentVolumeClaim{}
	claim.Name, claim.Namespace, claim.UID = "c", "team", "uid-c"
	p.Spec.Volumes = []corev1.Volume{
		{Name: "s", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "s", Items: []corev1.KeyToPath{{Key: "k", Path: "er/a"}}}}},
		{Name: "m", VolumeSource: corev1.VolumeSource{ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "m"}}}},
		{Name: "c", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "c"}}},
	}
	p.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "s", MountPath: "/etc/deep"}, {Name: "m", MountPath: "/etc/conf"}, {Name: "c", MountPath: "/data"}}
	n := stage(t, p, secret, config, claim)
	folder := ClaimFolder(n.Root, "uid-c")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(folder+"/x", []byte("claim\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	text, status := play(t, n, p, func(*pod) {})
	if text != "secret\nconfig\nclaim\npid 1 ip 10.99.1.2\n" {
		t.Errorf("it wrote %q", text)
	}
	if end := status.ContainerStatuses[0].State.Terminated; end == nil || end.ExitCode != 7 || status.Phase != corev1.PodFailed || status.PodIP != "10.99.1.2" {
		t.Errorf("status: %+v", status)
	}
	if b, err := os.ReadFile(folder + "/x"); err != nil || string(b) != "claim\nkept\n" {
		t.Errorf("the claim has %q, %v", b, err)
	}
}

// A pod that is deleted is asked to end, and killed when its grace is over, with all that it
// started.
func TestGrace(t *testing.T) {
	for name, c := range map[string]struct {
		script string
		grace  time.Duration
		code   int32
		says   string
	}{
		"ends by itself": {`trap 'echo asked; exit 3' TERM; echo up; while :; do sleep 0.01; done`, time.Minute, 3, "asked"},
		"does not":       {`trap '' TERM; sleep 1000 & echo up; wait; while :; do sleep 1000; done`, 10 * time.Millisecond, 137, "up"},
	} {
		t.Run(name, func(t *testing.T) {
			p := shell(c.script)
			n := stage(t, p)
			text, status := play(t, n, p, func(d *pod) {
				until(t, n, p, func(*corev1.PodStatus) bool {
					b, err := os.ReadFile(LogFile(n.Root, "team", "p", "main"))
					return err == nil && strings.Contains(string(b), "up")
				})
				d.end(time.Now(), c.grace)
			})
			if end := status.ContainerStatuses[0].State.Terminated; end == nil || end.ExitCode != c.code || !strings.Contains(text, c.says) {
				t.Errorf("it wrote %q, and is %+v", text, status.ContainerStatuses[0].State)
			}
		})
	}
}

// Readiness follows the probe; a container that does not live any more is begun again.
func TestProbes(t *testing.T) {
	listen := `import http.server,os
class H(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if not os.path.exists('/data/bad') else 503); self.end_headers()
    def log_message(self, *a): pass
http.server.HTTPServer((os.environ['IP'], 80), H).serve_forever()`
	p := shell("")
	p.Spec.RestartPolicy = corev1.RestartPolicyAlways
	c := &p.Spec.Containers[0]
	c.Command = []string{"python3", "-c", listen}
	c.Ports = []corev1.ContainerPort{{Name: "web", ContainerPort: 80}}
	get := corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/", Port: intstr.FromString("web")}}
	c.ReadinessProbe = &corev1.Probe{ProbeHandler: get, PeriodSeconds: 1, FailureThreshold: 1}
	c.LivenessProbe = &corev1.Probe{ProbeHandler: get, PeriodSeconds: 1, FailureThreshold: 3, InitialDelaySeconds: 3}
	c.VolumeMounts = []corev1.VolumeMount{{Name: "d", MountPath: "/data"}}
	p.Spec.Volumes = []corev1.Volume{{Name: "d", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}}
	n := stage(t, p)
	ready := func(want bool) func(s *corev1.PodStatus) bool {
		return func(s *corev1.PodStatus) bool {
			return len(s.ContainerStatuses) == 1 && s.ContainerStatuses[0].Ready == want
		}
	}
	play(t, n, p, func(d *pod) {
		until(t, n, p, ready(true))
		bad := d.volume("d") + "/bad"
		if err := os.WriteFile(bad, nil, 0o644); err != nil {
			t.Fatal(err)
		}
		until(t, n, p, ready(false))
		until(t, n, p, func(s *corev1.PodStatus) bool { return s.ContainerStatuses[0].RestartCount > 0 })
		if err := os.Remove(bad); err != nil {
			t.Fatal(err)
		}
		until(t, n, p, ready(true))
		d.end(time.Now(), 0)
	})
}
