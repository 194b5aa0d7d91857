package e2e

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	g2c "g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/k8s/api/v1alpha1"
	"g2c/k8s/servers"
)

var withKueue = flag.Bool("kueue", false, "test with Kueue, which `make test-kueue` builds")

// queues are a queue with room for two pods, and a class of what comes before others.
const queues = `
{apiVersion: v1, kind: Namespace, metadata: {name: kueue-system}}
---
{apiVersion: kueue.x-k8s.io/v1beta2, kind: ResourceFlavor, metadata: {name: default}}
---
apiVersion: kueue.x-k8s.io/v1beta2
kind: ClusterQueue
metadata: {name: all}
spec:
  namespaceSelector: {}
  preemption: {withinClusterQueue: LowerPriority}
  resourceGroups:
    - coveredResources: [pods]
      flavors:
        - {name: default, resources: [{name: pods, nominalQuota: 2}]}
---
{apiVersion: kueue.x-k8s.io/v1beta2, kind: LocalQueue, metadata: {name: queue, namespace: team}, spec: {clusterQueue: all}}
---
{apiVersion: kueue.x-k8s.io/v1beta2, kind: WorkloadPriorityClass, metadata: {name: high}, value: 1000}
`

// urgent is somebody else's pod of a higher priority.
const urgent = `
apiVersion: v1
kind: Pod
metadata:
  name: urgent
  namespace: team
  labels: {kueue.x-k8s.io/queue-name: queue, kueue.x-k8s.io/priority-class: high}
spec:
  restartPolicy: Never
  automountServiceAccountToken: false
  terminationGracePeriodSeconds: 1
  securityContext: {runAsNonRoot: true, runAsUser: 1000, seccompProfile: {type: RuntimeDefault}}
  containers:
    - name: c
      image: none
      command: [sleep, infinity]
      securityContext: {allowPrivilegeEscalation: false, capabilities: {drop: [ALL]}}
`

// Kueue admits workers one by one, takes one away for what is more urgent, and gives it back;
// what they train has the bits of `g2c run`, with Kueue and without.
func TestKueue(t *testing.T) {
	if !*withKueue {
		t.Skip("SKIPPED: no test with Kueue: -kueue asks for it, `make test-kueue` does")
	}
	servers.NeedKueue(t)
	k := newKit(t)
	kueue, err := k.plane.AddKueue()
	k.must(err)
	t.Cleanup(func() {
		if err := kueue.Remove(); err != nil {
			t.Error(err)
		}
	})
	k.must(kueue.Start())
	k.apply(queues)
	k.begin()
	t.Cleanup(k.kill)
	c := cluster()
	c.Spec.Coordinators.Replicas = 1
	k.create(storeClaim())
	k.create(c)
	k.settled(1)
	coord := k.dial(k.certificate(), 1)
	var e *v1alpha1.Experiment
	for _, station := range []struct {
		name string
		do   func()
	}{
		{"of four workers two are admitted", func() { e = k.wantFour(31) }},
		{"a more urgent pod takes one of them", func() { k.preempt(e, coord) }},
		{"it is suspended, and goes on", func() { k.suspend(e); k.complete(e, coord) }},
		{"without Kueue what runs trains on", func() { k.withoutKueue(kueue, coord) }},
	} {
		ok := t.Run(station.name, func(t *testing.T) {
			k.t = t
			station.do()
		})
		k.t = t
		if !ok {
			t.Fatal("what follows needs this")
		}
	}
}

// apply applies a text of objects. Kueue's webhooks may not answer at first.
func (k *kit) apply(text string) {
	k.t.Helper()
	for doc := range strings.SplitSeq(text, "\n---\n") {
		u := &unstructured.Unstructured{}
		k.must(yaml.Unmarshal([]byte(doc), &u.Object))
		k.must(k.admin.Apply(k.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("test"), client.ForceOwnership))
	}
}

// longText is a spec that trains so many times longer than the usual one.
func longText(k *kit, seed, times int) string {
	s := text(k, seed)
	longer := strings.NewReplacer("epochs: 10,", fmt.Sprintf("epochs: %d,", 10*times), "epochs: 15,", fmt.Sprintf("epochs: %d,", 15*times)).Replace(s)
	if longer == s {
		k.t.Fatal("the spec has changed: its epochs are others")
	}
	return longer
}

// queued states an Experiment that has workers of its own, which wait in the queue.
func (k *kit) queued(seed, workers, times int) *v1alpha1.Experiment {
	k.t.Helper()
	e := &v1alpha1.Experiment{Spec: v1alpha1.ExperimentSpec{
		ClusterRef: v1alpha1.LocalReference{Name: "main"}, Experiment: longText(k, seed, times), QueueName: "queue",
		Workers: &v1alpha1.Workers{Min: int32(workers), Max: int32(workers), Device: "cpu", Slots: 1, Template: withStore("worker")},
	}}
	e.Name, e.Namespace = fmt.Sprint("e", seed), space
	k.create(e)
	return e
}

// counted waits until an Experiment has workers in numbers, and returns them by their pods.
func (k *kit) counted(e *v1alpha1.Experiment, want v1alpha1.WorkerCounts) {
	k.t.Helper()
	k.until(fmt.Sprintf("%s has workers %+v", e.Name, want), &v1alpha1.ExperimentList{}, func() bool {
		k.refresh(e)
		if meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.Complete) {
			k.t.Fatal("it has ended before anything was done to it")
		}
		return e.Status.Workers != nil && *e.Status.Workers == want
	})
}

// running are the names of the workers' pods that run and are to stay.
func (k *kit) running() (names []string) {
	k.t.Helper()
	for _, p := range k.pods("worker") {
		if ready(&p) {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

// wantFour states an Experiment that wants four workers, of which the queue has room for two.
// Why the others wait stands in its status, in Kueue's words.
func (k *kit) wantFour(seed int) *v1alpha1.Experiment {
	e := k.queued(seed, 4, 6)
	k.counted(e, v1alpha1.WorkerCounts{Desired: 4, Admitted: 2, Ready: 2})
	if n := k.running(); len(n) != 2 {
		k.t.Errorf("pods run: %v, want two", n)
	}
	k.until("why the others wait is said", &v1alpha1.ExperimentList{}, func() bool {
		k.refresh(e)
		c := meta.FindStatusCondition(e.Status.Conditions, v1alpha1.WorkersReady)
		return c != nil && c.Reason == "NotAdmitted" && c.Message == e.Status.Waiting && strings.Contains(c.Message, "insufficient unused quota for pods")
	})
	k.t.Logf("status.waiting: %s", e.Status.Waiting)
	return e
}

// preempt makes a pod that comes before workers: one of them goes, the other trains on. When
// the pod has gone there are two again.
func (k *kit) preempt(e *v1alpha1.Experiment, coord *g2c.Client) {
	k.training(e, coord)
	before := k.running()
	k.apply(urgent)
	pod := &corev1.Pod{}
	k.until("the urgent pod runs", &corev1.PodList{}, func() bool {
		k.must(k.admin.Get(k.t.Context(), client.ObjectKey{Namespace: space, Name: "urgent"}, pod))
		return pod.Status.Phase == corev1.PodRunning
	})
	k.counted(e, v1alpha1.WorkerCounts{Desired: 4, Admitted: 1, Ready: 1})
	after := k.running()
	if len(before) != 2 || len(after) != 1 || !slices.Contains(before, after[0]) {
		k.t.Errorf("of %v there is %v left, want one of both", before, after)
	}
	k.steps(e, coord)
	if now := k.running(); !slices.Equal(now, after) {
		k.t.Errorf("%v run, want %v: steps were to be made without the one that was taken away", now, after)
	}
	k.must(k.admin.Delete(k.t.Context(), pod))
	k.counted(e, v1alpha1.WorkerCounts{Desired: 4, Admitted: 2, Ready: 2})
}

// steps waits until a task of an Experiment has made steps, counted from now on, or ended.
func (k *kit) steps(e *v1alpha1.Experiment, coord *g2c.Client) {
	k.t.Helper()
	const some = 5
	first := map[string]uint64{}
	k.meets("steps are made", func() bool {
		for t, err := range coord.AllTasks(k.t.Context(), &apiv1.ListTasksRequest{Experiment: e.Status.ExperimentID}) {
			k.must(err)
			at, seen := first[t.Key]
			switch {
			case t.State == apiv1.TaskState_TASK_STATE_RUNNING && !seen:
				first[t.Key] = t.Progress.GetStep()
			case t.State == apiv1.TaskState_TASK_STATE_DONE && seen, t.Progress.GetStep() >= at+some && seen:
				return true
			}
		}
		return false
	})
}

// suspend has an Experiment wait until all its workers have gone, and go on.
func (k *kit) suspend(e *v1alpha1.Experiment) {
	set := func(suspend bool) {
		before := client.MergeFrom(k.refresh(e).DeepCopy())
		e.Spec.Suspend = suspend
		k.must(k.admin.Patch(k.t.Context(), e, before))
	}
	set(true)
	k.counted(e, v1alpha1.WorkerCounts{})
	k.until("no worker is left", &corev1.PodList{}, func() bool { return len(k.pods("worker")) == 0 })
	if !meta.IsStatusConditionTrue(k.refresh(e).Status.Conditions, v1alpha1.Suspended) {
		k.t.Errorf("it is not said to be suspended: %+v", e.Status.Conditions)
	}
	set(false)
	k.counted(e, v1alpha1.WorkerCounts{Desired: 4, Admitted: 2, Ready: 2})
}

// withoutKueue stops Kueue while two workers train: they do so to the end. What wants new
// pods says in its status why there are none, and gets them when Kueue is back.
func (k *kit) withoutKueue(kueue *servers.Kueue, coord *g2c.Client) {
	k.until("no worker is left", &corev1.PodList{}, func() bool { return len(k.pods("worker")) == 0 })
	e := k.queued(32, 2, 3)
	k.counted(e, v1alpha1.WorkerCounts{Desired: 2, Admitted: 2, Ready: 2})
	k.training(e, coord)
	k.must(kueue.Stop())
	late := k.queued(33, 1, 3)
	k.until("its status says that no pods are taken", &v1alpha1.ExperimentList{}, func() bool {
		k.refresh(late)
		c := meta.FindStatusCondition(late.Status.Conditions, v1alpha1.WorkersReady)
		return c != nil && c.Reason == "NotTaken" && c.Message == late.Status.Waiting && strings.Contains(c.Message, "mpod.kb.io")
	})
	k.t.Logf("status.waiting: %s", late.Status.Waiting)
	k.complete(e, coord)
	if late = k.refresh(late); late.Status.Workers.Admitted != 0 {
		k.t.Errorf("%s has workers though Kueue is down: %+v", late.Name, late.Status.Workers)
	}
	k.must(kueue.Start())
	k.until("it has its worker", &corev1.PodList{}, func() bool {
		return slices.ContainsFunc(k.pods("worker"), func(p corev1.Pod) bool { return ready(&p) && strings.HasPrefix(p.Name, late.Name+"-") })
	})
}
