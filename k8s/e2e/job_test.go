package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"slices"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	g2c "g2c/api/client"
	"g2c/k8s/servers/kubelet"
)

// jobAlone has the Job of the manifests, which needs no operator, train its experiment. Its first
// pod is deleted while it trains; the next one goes on from what that has saved, and the weights
// are those of `g2c run` here.
func (k *kit) jobAlone(*g2c.Client) {
	k.create(volume(100))
	spec := k.applyJob()
	job := client.ObjectKey{Namespace: space, Name: "first"}
	pods := func() []corev1.Pod {
		var list corev1.PodList
		k.must(k.admin.List(k.t.Context(), &list, client.InNamespace(space), client.MatchingLabels{"batch.kubernetes.io/job-name": job.Name}))
		return list.Items
	}
	k.until("a pod of the Job runs", &corev1.PodList{}, func() bool {
		return slices.ContainsFunc(pods(), func(p corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning })
	})
	first := pods()[0]
	k.must(client.IgnoreNotFound(k.admin.Delete(k.t.Context(), &first))) // whatever it is at: it ends with 130 or 143
	k.until("the Job is complete", &batchv1.JobList{}, func() bool {
		var j batchv1.Job
		k.must(k.admin.Get(k.t.Context(), job, &j))
		for _, c := range j.Status.Conditions {
			if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
				k.t.Fatalf("the Job failed: %s: %s", c.Reason, c.Message)
			}
		}
		return j.Status.Succeeded == 1
	})
	var claim corev1.PersistentVolumeClaim
	k.must(k.admin.Get(k.t.Context(), client.ObjectKey{Namespace: space, Name: "g2c-store"}, &claim))
	file, alone := filepath.Join(k.root, "job.yaml"), filepath.Join(k.root, "store-job")
	k.must(os.WriteFile(file, []byte(spec), 0o644))
	k.run("run", file, "--store", alone, "--device", "cpu")
	got, want := k.weights(kubelet.ClaimFolder(k.root, claim.UID)), k.weights(alone)
	if len(want) == 0 || len(got) != len(want) {
		k.t.Errorf("%d tasks are done, of %d", len(got), len(want))
	}
	for key, sum := range want {
		if got[key] != sum {
			k.t.Errorf("task %.12s has weights %.12q in the Job, and %.12q of `g2c run`", key, got[key], sum)
		}
	}
}

// applyJob applies the manifest of the Job, on volumes that are there and nodes that are small,
// and is the spec that it runs.
func (k *kit) applyJob() (spec string) {
	k.t.Helper()
	for _, u := range k.manifest("job.yaml") {
		u.SetNamespace(space)
		var err error
		switch u.GetKind() {
		case "ConfigMap":
			spec, _, err = unstructured.NestedString(u.Object, "data", "spec.yaml")
		case "PersistentVolumeClaim":
			err = errors.Join(unstructured.SetNestedField(u.Object, storageClass, "spec", "storageClassName"),
				unstructured.SetNestedField(u.Object, "1Gi", "spec", "resources", "requests", "storage"))
		case "Job":
			var containers []any
			containers, _, err = unstructured.NestedSlice(u.Object, "spec", "template", "spec", "containers")
			k.must(err)
			delete(containers[0].(map[string]any), "resources")
			err = unstructured.SetNestedSlice(u.Object, containers, "spec", "template", "spec", "containers")
		}
		k.must(err)
		k.create(u)
	}
	return spec
}
