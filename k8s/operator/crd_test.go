package operator_test

import (
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/api/v1alpha1"
)

// The apiserver refuses what makes no sense, in our words, without a webhook.
func TestTheAPIServerRefuses(t *testing.T) {
	w := newWorld(t)
	pool := func(change func(p *v1alpha1.WorkerPool)) client.Object {
		p := w.pool("p", 0, 1)
		change(p)
		return p
	}
	experiment := func(change func(e *v1alpha1.Experiment)) client.Object {
		e := w.experiment("e", "x: y")
		change(e)
		return e
	}
	cluster := func(change func(c *v1alpha1.Cluster)) client.Object {
		c := w.cluster("c", "host:7443")
		change(c)
		return c
	}
	for name, c := range map[string]struct {
		object client.Object
		says   string
	}{
		"neither":  {experiment(func(e *v1alpha1.Experiment) { e.Spec.Experiment = "" }), "give either experiment or specFrom"},
		"both":     {experiment(func(e *v1alpha1.Experiment) { e.Spec.SpecFrom = from("m", "k") }), "give either experiment or specFrom"},
		"name":     {experiment(func(e *v1alpha1.Experiment) { e.Name = strings.Repeat("n", 64) }), "at most 63 characters"},
		"policy":   {experiment(func(e *v1alpha1.Experiment) { e.Spec.DeletionPolicy = "Keep" }), "Cancel"},
		"priority": {experiment(func(e *v1alpha1.Experiment) { e.Spec.Priority = new(int32(1_000_001)) }), "priority"},
		"own workers": {experiment(func(e *v1alpha1.Experiment) {
			e.Spec.Workers = &v1alpha1.Workers{Min: 2, Max: 1, Device: "cpu", Slots: 1}
		}), "min is at most max"},
		"min, max":    {pool(func(p *v1alpha1.WorkerPool) { p.Spec.Min = 2 }), "min is at most max"},
		"device":      {pool(func(p *v1alpha1.WorkerPool) { p.Spec.Device = "abacus" }), "cuda"},
		"slots":       {pool(func(p *v1alpha1.WorkerPool) { p.Spec.Slots = 65 }), "slots"},
		"pool's name": {pool(func(p *v1alpha1.WorkerPool) { p.Name = strings.Repeat("p", 64) }), "at most 63 characters"},
		"two":         {cluster(func(c *v1alpha1.Cluster) { c.Spec.Servers, c.Spec.Coordinators = nil, coordinators(2) }), "replicas"},
		"union":       {cluster(func(c *v1alpha1.Cluster) { c.Spec.Coordinators = coordinators(3) }), "give either coordinators or servers"},
		"server":      {cluster(func(c *v1alpha1.Cluster) { c.Spec.Servers = []string{"host"} }), "servers"},
		"a Service":   {cluster(func(c *v1alpha1.Cluster) { c.Name, c.Spec.Servers, c.Spec.Coordinators = "1c", nil, coordinators(3) }), "begins with a letter"},
		"long":        {cluster(func(c *v1alpha1.Cluster) { c.Name = strings.Repeat("c", 53) }), "at most 52 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			if err := w.admin.Create(t.Context(), c.object); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("want %q: %v", c.says, err)
			}
		})
	}
}

// What decides an experiment cannot be changed; how it is run can.
func TestWhatCannotBeChanged(t *testing.T) {
	w := newWorld(t)
	e := w.experiment("e", "x: y")
	w.create(e)
	for says, change := range map[string]func(e *v1alpha1.Experiment){
		"experiment cannot be changed": func(e *v1alpha1.Experiment) { e.Spec.Experiment = "x: z" },
		"clusterRef cannot be changed": func(e *v1alpha1.Experiment) { e.Spec.ClusterRef.Name = "other" },
		"numerics cannot be changed":   func(e *v1alpha1.Experiment) { e.Spec.Numerics = "cpu-2" },
		"priority cannot be changed":   func(e *v1alpha1.Experiment) { e.Spec.Priority = new(int32(1)) },
	} {
		got := w.get(e)
		change(got)
		if err := w.admin.Update(t.Context(), got); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
	}
	got := w.get(e)
	got.Spec.Suspend, got.Spec.DeletionPolicy = true, v1alpha1.Orphan
	got.Spec.Workers = &v1alpha1.Workers{Max: 3, Device: "cpu", Slots: 1}
	if err := w.admin.Update(t.Context(), got); err != nil {
		t.Error(err)
	}
}

// A field that there is not is refused where clients ask for it, as kubectl does.
func TestAnUnknownFieldIsRefused(t *testing.T) {
	w := newWorld(t)
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"experiment": "x: y", "clusterRef": map[string]any{"name": "main"}, "wrokers": map[string]any{},
	}}}
	u.SetGroupVersionKind(v1alpha1.GroupVersion.WithKind("Experiment"))
	u.SetName("e")
	u.SetNamespace(w.space)
	err := w.admin.Create(t.Context(), u, client.FieldValidation("Strict"))
	if err == nil || !strings.Contains(err.Error(), "wrokers") {
		t.Errorf("%v", err)
	}
}

// kubectl scale sets how many workers a pool may have.
func TestAPoolHasAScale(t *testing.T) {
	w := newWorld(t)
	pool := w.pool("p", 1, 4)
	w.create(pool)
	w.keep(pool)
	scale := &unstructured.Unstructured{}
	if err := w.admin.SubResource("scale").Get(t.Context(), pool, scale); err != nil {
		t.Fatal(err)
	}
	spec, _, _ := unstructured.NestedInt64(scale.Object, "spec", "replicas")
	status, _, _ := unstructured.NestedInt64(scale.Object, "status", "replicas")
	selector, _, _ := unstructured.NestedString(scale.Object, "status", "selector")
	if spec != 4 || status != 1 || !strings.Contains(selector, "g2c.dev/workers-of=p") {
		t.Errorf("scale: %v", scale.Object)
	}
}
