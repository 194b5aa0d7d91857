package operator_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/api/v1alpha1"
)

func (w *world) pool(name string, least, most int32) *v1alpha1.WorkerPool {
	p := &v1alpha1.WorkerPool{Spec: v1alpha1.WorkerPoolSpec{
		ClusterRef: v1alpha1.LocalReference{Name: "main"}, Workers: v1alpha1.Workers{Min: least, Max: most, Device: "cpu", Slots: 1},
	}}
	p.Name, p.Namespace = name, w.space
	return p
}

// pods are those of a pool or an experiment, that are not on their way out.
func (w *world) pods(owner string) (out []corev1.Pod) {
	w.t.Helper()
	var list corev1.PodList
	if err := w.admin.List(w.t.Context(), &list, client.InNamespace(w.space), client.MatchingLabels{"g2c.dev/workers-of": owner}); err != nil {
		w.t.Fatal(err)
	}
	for _, p := range list.Items {
		if p.DeletionTimestamp.IsZero() {
			out = append(out, p)
		}
	}
	return out
}

// keep has an operator that has just begun look at a pool once.
func (w *world) keep(p *v1alpha1.WorkerPool) *v1alpha1.WorkerPool {
	w.t.Helper()
	w.planned()
	_, r := w.operatorOver(w.admin)
	if _, err := r.Reconcile(w.t.Context(), request(p)); err != nil {
		w.t.Fatal(err)
	}
	var out v1alpha1.WorkerPool
	if err := w.admin.Get(w.t.Context(), client.ObjectKeyFromObject(p), &out); err != nil {
		w.t.Fatal(err)
	}
	return &out
}

func (w *world) setReady(p *corev1.Pod) {
	w.t.Helper()
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	if err := w.admin.Status().Update(w.t.Context(), p); err != nil {
		w.t.Fatal(err)
	}
}

// A pool has as many pods as there is work, in a namespace that enforces the restricted
// standard; and none when there is none.
func TestAPoolFollowsTheWork(t *testing.T) {
	w := newWorld(t)
	pool := w.pool("p", 0, 5)
	pool.Spec.QueueName = "team"
	w.create(pool)
	if got := w.keep(pool); got.Status.Workers.Desired != 0 || len(w.pods("p")) != 0 {
		t.Fatalf("without work: %+v", got.Status)
	}
	e := w.experiment("e", tiny(t))
	w.create(e)
	id := w.mustLook(e).Status.ExperimentID
	got := w.keep(pool)
	made := w.pods("p")
	// One pretraining and the fine-tuning that needs none can run at once, that one on both of
	// its shards.
	if len(made) != 3 || got.Status.Workers.Desired != 3 {
		t.Fatalf("%d pods, status %+v", len(made), got.Status)
	}
	if c := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.WorkersReady); c == nil || c.Status != metav1.ConditionFalse {
		t.Errorf("conditions: %+v", got.Status.Conditions)
	}
	for i := range made {
		p := &made[i]
		if p.Labels["kueue.x-k8s.io/queue-name"] != "team" || !metav1.IsControlledBy(p, got) || !strings.HasPrefix(p.Name, "p-") {
			t.Errorf("pod: %+v", p.ObjectMeta)
		}
		if args := strings.Join(p.Spec.Containers[0].Args, " "); !strings.Contains(args, "--listen $(POD_IP):7447") || !strings.Contains(args, "--id $(POD_NAME)") {
			t.Errorf("args: %s", args)
		}
		if *p.Spec.TerminationGracePeriodSeconds < 15 {
			t.Errorf("grace: %d s", *p.Spec.TerminationGracePeriodSeconds)
		}
		w.setReady(p)
	}
	if got = w.keep(pool); got.Status.Workers.Ready != 3 || len(w.pods("p")) != 3 {
		t.Fatalf("status %+v", got.Status)
	}
	w.work("w1")
	w.ended(id)
	if got = w.keep(pool); got.Status.Workers.Desired != 3 || len(w.pods("p")) != 3 {
		t.Fatalf("right after the work: %+v, %d pods", got.Status, len(w.pods("p")))
	}
	w.clock.Advance(10*time.Minute + time.Second)
	if got = w.keep(pool); got.Status.Workers.Desired != 0 || len(w.pods("p")) != 0 {
		t.Fatalf("after the work: %+v, %d pods", got.Status, len(w.pods("p")))
	}
}

// Pods that end are replaced by others of other names; those of an old template one at a
// time.
func TestPodsAreReplaced(t *testing.T) {
	w := newWorld(t)
	pool := w.pool(strings.Repeat("p", 63), 2, 2)
	w.create(pool)
	w.keep(pool)
	first := w.pods(pool.Name)
	if len(first) != 2 {
		t.Fatalf("%d pods", len(first))
	}
	w.setReady(&first[1])
	first[0].Status.Phase = corev1.PodFailed
	if err := w.admin.Status().Update(t.Context(), &first[0]); err != nil {
		t.Fatal(err)
	}
	got := w.keep(pool) // it goes, and another comes
	second := w.pods(pool.Name)
	if len(second) != 2 || second[0].Name == first[0].Name || second[1].Name == first[0].Name {
		t.Fatalf("pods: %v", names(second))
	}
	for i := range second {
		w.setReady(&second[i])
	}
	got.Spec.Template = &corev1.PodTemplateSpec{Spec: corev1.PodSpec{PriorityClassName: "", NodeSelector: map[string]string{"disk": "fast"}}}
	if err := w.admin.Update(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	w.keep(pool)
	if one := w.pods(pool.Name); len(one) != 1 {
		t.Fatalf("a new template: %v", names(one))
	}
	w.gone(second)
	w.keep(pool)
	w.keep(pool) // the new one is not ready: the other old one stays
	mixed := w.pods(pool.Name)
	fresh := 0
	for i := range mixed {
		if mixed[i].Spec.NodeSelector["disk"] == "fast" {
			fresh++
			w.setReady(&mixed[i])
		}
	}
	if len(mixed) != 2 || fresh != 1 {
		t.Fatalf("%v, %d of them new", names(mixed), fresh)
	}
	w.keep(pool)
	w.keep(pool)
	for _, p := range w.pods(pool.Name) {
		if p.Spec.NodeSelector["disk"] != "fast" {
			t.Errorf("%s is of the old template", p.Name)
		}
	}
}

// gone waits until pods that were deleted are there no more: without a node that is at once.
func (w *world) gone(list []corev1.Pod) {
	w.t.Helper()
	within(w.t, "the end of "+strings.Join(names(list), ", "), func() bool {
		var all corev1.PodList
		if err := w.admin.List(w.t.Context(), &all, client.InNamespace(w.space)); err != nil {
			w.t.Fatal(err)
		}
		return !slices.ContainsFunc(all.Items, func(p corev1.Pod) bool { return !p.DeletionTimestamp.IsZero() })
	})
}

func names(list []corev1.Pod) (out []string) {
	for _, p := range list {
		out = append(out, p.Name)
	}
	return out
}

// A worker's certificate lies in a Secret of its pod's name, goes with it, and is made again
// in time.
func TestEveryWorkerHasACertificate(t *testing.T) {
	w := newWorld(t)
	issued := map[string]int{}
	w.issue = func(worker string, _ time.Duration) (map[string][]byte, error) {
		issued[worker]++
		return map[string][]byte{"ca.crt": []byte("ca"), "identity.pem": []byte(worker)}, nil
	}
	pool := w.pool("p", 1, 1)
	w.create(pool)
	w.keep(pool)
	w.keep(pool)
	pod := w.pods("p")[0]
	var s corev1.Secret
	if err := w.admin.Get(t.Context(), client.ObjectKeyFromObject(&pod), &s); err != nil {
		t.Fatal(err)
	}
	if string(s.Data["identity.pem"]) != pod.Name || !metav1.IsControlledBy(&s, &pod) || issued[pod.Name] != 1 {
		t.Fatalf("secret %v, issued %v", s.ObjectMeta, issued)
	}
	w.clock.Advance(16 * 24 * time.Hour)
	w.keep(pool)
	if issued[pod.Name] != 2 {
		t.Errorf("issued %v", issued)
	}
}
