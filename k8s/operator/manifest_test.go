package operator_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/internal/fault"
)

// The Job that runs g2c without an operator is taken by the apiserver, and so is its pod, in a
// namespace that enforces the restricted standard; its spec is one, and each exit code of g2c
// means what docs/kubernetes.md says.
func TestTheJobManifest(t *testing.T) {
	w := newWorld(t)
	b, err := os.ReadFile("../manifests/job.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var job batchv1.Job
	var config corev1.ConfigMap
	strict := client.WithFieldValidation(w.admin, "Strict")
	kinds := map[string]int{}
	for doc := range strings.SplitSeq(string(b), "\n---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		kinds[u.GetKind()]++
		u.SetNamespace(w.space)
		var err error
		switch u.GetKind() {
		case "Job":
			err = runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &job)
		case "ConfigMap":
			err = runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &config)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := strict.Create(t.Context(), u, client.DryRunAll); err != nil {
			t.Errorf("%s: %v", u.GetKind(), err)
		}
	}
	if kinds["Job"] != 1 || kinds["ConfigMap"] != 1 || kinds["PersistentVolumeClaim"] != 1 {
		t.Fatalf("objects: %v", kinds)
	}
	pod := &corev1.Pod{ObjectMeta: *job.Spec.Template.ObjectMeta.DeepCopy(), Spec: *job.Spec.Template.Spec.DeepCopy()}
	pod.Name, pod.Namespace = "first-x", w.space
	if err := w.admin.Create(t.Context(), pod, client.DryRunAll); err != nil {
		t.Errorf("its pod: %v", err)
	}
	if _, err := read("spec.yaml", []byte(config.Data["spec.yaml"])); err != nil {
		t.Errorf("its spec: %v", err)
	}
	if job.Labels["kueue.x-k8s.io/queue-name"] == "" {
		t.Error("it names no queue of Kueue")
	}
	const sigterm, sigabrt, sigkill = 143, 134, 137
	for code, want := range map[int32]batchv1.PodFailurePolicyAction{
		fault.ExitSpec: batchv1.PodFailurePolicyActionFailJob, fault.ExitData: batchv1.PodFailurePolicyActionFailJob, fault.ExitNotFound: batchv1.PodFailurePolicyActionFailJob,
		fault.ExitTraining: batchv1.PodFailurePolicyActionCount, fault.ExitUnavailable: batchv1.PodFailurePolicyActionCount,
		sigabrt: batchv1.PodFailurePolicyActionCount, sigkill: batchv1.PodFailurePolicyActionCount,
		fault.ExitInterrupted: batchv1.PodFailurePolicyActionIgnore, sigterm: batchv1.PodFailurePolicyActionIgnore,
	} {
		if got := actionFor(job.Spec.PodFailurePolicy, code); got != want {
			t.Errorf("exit code %d: %q, want %q", code, got, want)
		}
	}
	if first := job.Spec.PodFailurePolicy.Rules[0]; first.Action != batchv1.PodFailurePolicyActionIgnore || len(first.OnPodConditions) != 1 || first.OnPodConditions[0].Type != corev1.DisruptionTarget {
		t.Errorf("the first rule is %+v: a disruption goes before exit codes", first)
	}
}

// actionFor is what the first rule that names an exit code asks for.
func actionFor(p *batchv1.PodFailurePolicy, code int32) batchv1.PodFailurePolicyAction {
	for _, r := range p.Rules {
		if c := r.OnExitCodes; c != nil && c.Operator == batchv1.PodFailurePolicyOnExitCodesOpIn && slices.Contains(c.Values, code) {
			return r.Action
		}
	}
	return ""
}
