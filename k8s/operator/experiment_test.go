package operator_test

import (
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	apiv1 "g2c/api/v1"
	"g2c/k8s/api/v1alpha1"
)

// An Experiment is submitted to its namespace's project, followed, and complete when its
// tasks are done.
func TestAnExperimentFromAppliedToComplete(t *testing.T) {
	w := newWorld(t)
	e := w.experiment(strings.Repeat("n", 63), tiny(t))
	w.create(e)
	got := w.mustLook(e)
	holds(t, got, v1alpha1.Accepted, metav1.ConditionTrue, got.Status.ExperimentID)
	holds(t, got, v1alpha1.Complete, metav1.ConditionFalse)
	if got.Status.ExperimentID == "" || got.Status.Progress.Tasks == 0 || got.Status.Progress.Done != 0 {
		t.Fatalf("status: %+v", got.Status)
	}
	if x := w.experiments(); len(x) != 1 || x[0].Project != w.space || x[0].Id != got.Status.ExperimentID {
		t.Fatalf("the coordinator has %v", x)
	}
	w.work("w1")
	w.ended(got.Status.ExperimentID)
	got = w.mustLook(e)
	holds(t, got, v1alpha1.Complete, metav1.ConditionTrue)
	holds(t, got, v1alpha1.Failed, metav1.ConditionFalse)
	if n := got.Status.Progress; n.Done != n.Tasks || got.Status.Waiting != "" {
		t.Errorf("status: %+v", got.Status)
	}
}

// What waits says why, in the scheduler's words.
func TestWaitingIsTheSchedulersSentence(t *testing.T) {
	w := newWorld(t)
	e := w.experiment("e", tiny(t))
	w.create(e)
	within(t, "a plan that says why", func() bool { return w.mustLook(e).Status.Waiting != "" })
	if got := w.get(e).Status.Waiting; !strings.Contains(got, "pretrain") && !strings.Contains(got, "finetune") {
		t.Errorf("it waits: %q", got)
	}
}

// A spec that is wrong is not accepted, in the words of the command line: where it is wrong,
// and what was meant.
func TestABadSpecIsNotAccepted(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(e *v1alpha1.Experiment)
		reason string
		words  []string
	}{
		"field": {func(e *v1alpha1.Experiment) {
			e.Spec.Experiment = strings.Replace(tiny(t), "patients:", "pateints:", 1)
		}, "SpecInvalid", []string{"spec.experiment:8:15", "pateints", "patients"}},
		"project": {func(e *v1alpha1.Experiment) {
			e.Spec.Experiment = strings.Replace(tiny(t), "{name: tiny}", "{name: tiny, project: other}", 1)
		}, "OtherProject", []string{"other", w.space}},
		"large": {func(e *v1alpha1.Experiment) {
			e.Spec.Experiment = tiny(t) + strings.Repeat("# a line of no meaning\n", 900_000/23)
		}, "SpecInvalid", []string{"bytes"}},
		"device":   {func(e *v1alpha1.Experiment) { e.Spec.Experiment = tiny(t) + "device: cuda\n" }, "NumericsUnknown", []string{"spec.numerics"}},
		"numerics": {func(e *v1alpha1.Experiment) { e.Spec.Numerics = "abacus-1" }, "NumericsInvalid", []string{"abacus-1"}},
		"cluster":  {func(e *v1alpha1.Experiment) { e.Spec.ClusterRef.Name = "none" }, "ClusterNotFound", []string{"none"}},
		"map":      {func(e *v1alpha1.Experiment) { e.Spec.Experiment, e.Spec.SpecFrom = "", from("none", "spec") }, "SpecNotFound", []string{"none"}},
	} {
		t.Run(name, func(t *testing.T) {
			e := w.experiment(name, tiny(t))
			c.change(e)
			w.create(e)
			got := w.mustLook(e)
			holds(t, got, v1alpha1.Accepted, metav1.ConditionFalse, c.words...)
			if r := got.Status.Conditions; !hasReason(r, c.reason) || got.Status.RequestID != "" {
				t.Errorf("status: %+v", got.Status)
			}
		})
	}
	if x := w.experiments(); len(x) != 0 {
		t.Errorf("the coordinator has %v", x)
	}
}

func hasReason(list []metav1.Condition, reason string) bool {
	for _, c := range list {
		if c.Type == v1alpha1.Accepted && c.Reason == reason {
			return true
		}
	}
	return false
}

func from(name, key string) *v1alpha1.SpecSource {
	return &v1alpha1.SpecSource{ConfigMapKeyRef: v1alpha1.ConfigMapKey{Name: name, Key: key}}
}

// A spec in a ConfigMap is read when it is there, and is not another one later.
func TestASpecFromAConfigMap(t *testing.T) {
	w := newWorld(t)
	e := w.experiment("e", "")
	e.Spec.SpecFrom = from("m", "spec.yaml")
	e.Spec.Suspend = true
	w.create(e)
	holds(t, w.mustLook(e), v1alpha1.Accepted, metav1.ConditionFalse, "no ConfigMap m")
	m := &corev1.ConfigMap{Data: map[string]string{"spec.yaml": tiny(t)}}
	m.Name, m.Namespace = "m", w.space
	w.create(m)
	got := w.mustLook(e)
	holds(t, got, v1alpha1.Accepted, metav1.ConditionTrue)
	holds(t, got, v1alpha1.Suspended, metav1.ConditionTrue)
	if len(w.experiments()) != 0 {
		t.Fatal("a suspended Experiment was submitted")
	}
	got.Spec.Suspend = false
	if err := w.admin.Update(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	got = w.mustLook(e)
	holds(t, got, v1alpha1.Suspended, metav1.ConditionFalse)
	if got.Status.ExperimentID == "" {
		t.Errorf("status: %+v", got.Status)
	}
}

// What is suspended is held by the coordinators and released again; a hold of a person's is
// said, and stays theirs.
func TestSuspendHolds(t *testing.T) {
	w := newWorld(t)
	e := w.experiment("e", tiny(t))
	w.create(e)
	got := w.mustLook(e)
	id := got.Status.ExperimentID
	suspend := func(yes bool) {
		t.Helper()
		got = w.get(e)
		got.Spec.Suspend = yes
		if err := w.admin.Update(t.Context(), got); err != nil {
			t.Fatal(err)
		}
		got = w.mustLook(e)
	}
	hold := func() *apiv1.Hold { return w.experiments()[0].Hold }
	suspend(true)
	holds(t, got, v1alpha1.Suspended, metav1.ConditionTrue, "takes no slots")
	if hold() == nil {
		t.Fatal("the coordinators hold nothing")
	}
	suspend(false)
	holds(t, got, v1alpha1.Suspended, metav1.ConditionFalse)
	if hold() != nil {
		t.Fatalf("held: %v", hold())
	}
	if _, err := w.coord.Experiments().HoldExperiment(t.Context(), &apiv1.HoldExperimentRequest{RequestId: "mine", Id: id, Reason: "wait for me"}); err != nil {
		t.Fatal(err)
	}
	got = w.mustLook(e)
	holds(t, got, v1alpha1.Suspended, metav1.ConditionTrue, "g2c release")
	suspend(true)
	suspend(false)
	if h := hold(); h == nil || h.Reason != "wait for me" {
		t.Errorf("a person's hold became %v", h)
	}
}

// Two Experiments of one content are two experiments that share their tasks, and one that is
// deleted takes only its own wish with it.
func TestDeletingOneOfTwoKeepsTheOther(t *testing.T) {
	w := newWorld(t)
	a, b := w.experiment("a", tiny(t)), w.experiment("b", tiny(t))
	w.create(a)
	w.create(b)
	ida, idb := w.mustLook(a).Status.ExperimentID, w.mustLook(b).Status.ExperimentID
	if ida == idb {
		t.Fatalf("both are %s", ida)
	}
	if err := w.admin.Delete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	if err := w.look(a); err != nil {
		t.Fatal(err)
	}
	w.isGone(a)
	for _, x := range w.experiments() {
		want := apiv1.ExperimentState_EXPERIMENT_STATE_RUNNING
		if x.Id == ida {
			want = apiv1.ExperimentState_EXPERIMENT_STATE_CANCELLED
		}
		if x.State != want {
			t.Errorf("%s is %v, want %v", x.Id, x.State, want)
		}
	}
	if n := w.mustLook(b).Status.Progress; n.Cancelled != 0 || n.Tasks == 0 {
		t.Errorf("the other: %+v", n)
	}
}

func (w *world) isGone(e *v1alpha1.Experiment) {
	w.t.Helper()
	if err := w.admin.Get(w.t.Context(), client.ObjectKeyFromObject(e), &v1alpha1.Experiment{}); !apierrors.IsNotFound(err) {
		w.t.Fatalf("it is there: %v", err)
	}
}

// With Orphan the experiment goes on.
func TestOrphanLeavesTheExperiment(t *testing.T) {
	w := newWorld(t)
	e := w.experiment("e", tiny(t))
	e.Spec.DeletionPolicy = v1alpha1.Orphan
	w.create(e)
	w.mustLook(e)
	if err := w.admin.Delete(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := w.look(e); err != nil {
		t.Fatal(err)
	}
	w.isGone(e)
	if x := w.experiments(); len(x) != 1 || x[0].State != apiv1.ExperimentState_EXPERIMENT_STATE_RUNNING {
		t.Errorf("the coordinator has %v", x)
	}
}

// A cluster that is gone keeps a deleted Experiment for five minutes, and no longer.
func TestTheFinalizerGivesUp(t *testing.T) {
	w := newWorld(t)
	e := w.experiment("e", tiny(t))
	w.create(e)
	w.mustLook(e)
	var c v1alpha1.Cluster
	if err := w.admin.Get(t.Context(), client.ObjectKey{Namespace: w.space, Name: "main"}, &c); err != nil {
		t.Fatal(err)
	}
	if err := w.admin.Delete(t.Context(), &c); err != nil {
		t.Fatal(err)
	}
	if err := w.admin.Delete(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if got := w.mustLook(e); len(got.Finalizers) != 1 {
		t.Fatalf("finalizers: %v", got.Finalizers)
	}
	w.clock.Advance(5*time.Minute + 2*time.Second) // the apiserver's times are of whole seconds
	if err := w.look(e); err != nil {
		t.Fatal(err)
	}
	w.isGone(e)
	if got := <-w.events.Events; !strings.Contains(got, "CancelGivenUp") {
		t.Errorf("the event says %q", got)
	}
}

// A coordinator that does not answer is said once, and what was known stays.
func TestACoordinatorThatDoesNotAnswer(t *testing.T) {
	w := newWorld(t)
	w.create(w.cluster("away", "127.0.0.1:1"))
	e := w.experiment("e", tiny(t))
	e.Spec.ClusterRef.Name = "away"
	w.create(e)
	for range 2 {
		if err := w.look(e); err == nil {
			t.Fatal("no error, so it is not tried again soon")
		}
	}
	got := w.get(e)
	if !strings.Contains(got.Status.Waiting, "away") || got.Status.RequestID == "" || got.Status.ExperimentID != "" {
		t.Errorf("status: %+v", got.Status)
	}
}
