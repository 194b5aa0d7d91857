package operator_test

import (
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/fixture"
	"g2c/k8s/api/v1alpha1"
)

// ofFiles is a spec whose data lie in files.
func ofFiles(t *testing.T) string {
	t.Helper()
	return strings.Replace(tiny(t), "synthetic: {patients: 6, patches: 6, seed: 3}", "unlabelled: {PAS: [/data/pas], HE: [/data/he]}\n  labelled: {train: [/data/train], test: [/data/test]}", 1)
}

// jobs are those of the test's namespace.
func (w *world) jobs() []batchv1.Job {
	w.t.Helper()
	var list batchv1.JobList
	if err := w.admin.List(w.t.Context(), &list, client.InNamespace(w.space)); err != nil {
		w.t.Fatal(err)
	}
	return list.Items
}

// end plays the Job's controller and a kubelet: its pod runs, and ends so.
func (w *world) end(j *batchv1.Job, code int32, message string) {
	w.t.Helper()
	pod := &corev1.Pod{ObjectMeta: *j.Spec.Template.ObjectMeta.DeepCopy(), Spec: j.Spec.Template.Spec}
	pod.GenerateName, pod.Namespace = j.Name[:20]+"-", w.space
	w.create(pod)
	pod.Status.Phase = corev1.PodSucceeded
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{{
		Name: "submit", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{ExitCode: code, Message: message}},
	}}
	if err := w.admin.Status().Update(w.t.Context(), pod); err != nil {
		w.t.Fatal(err)
	}
}

// Data in files are seen by a Job that mounts them: it submits, and its last words are the
// experiment's id.
func TestAJobSubmitsWhatLiesInFiles(t *testing.T) {
	w := newWorld(t)
	bare := w.experiment("bare", ofFiles(t))
	w.create(bare)
	holds(t, w.mustLook(bare), v1alpha1.Accepted, metav1.ConditionFalse, "spec.submission")

	e := w.experiment("e", ofFiles(t))
	e.Spec.Submission = &v1alpha1.Submission{SharedPaths: true, Template: &corev1.PodTemplateSpec{Spec: corev1.PodSpec{
		Containers: []corev1.Container{{Name: "submit", VolumeMounts: []corev1.VolumeMount{{Name: "d", MountPath: "/data"}}}},
		Volumes:    []corev1.Volume{{Name: "d", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
	}}}
	w.create(e)
	for range 2 {
		holds(t, w.mustLook(e), v1alpha1.Accepted, metav1.ConditionFalse, "Job")
	}
	jobs := w.jobs()
	if len(jobs) != 1 {
		t.Fatalf("%d jobs", len(jobs))
	}
	c := jobs[0].Spec.Template.Spec.Containers[0]
	args := strings.Join(c.Args, " ")
	for _, want := range []string{"--request-id " + w.get(e).Status.RequestID, "--class " + api.ClassCPU, "metadata.project=" + w.space, "--shared-paths", "--server " + w.server} {
		if !strings.Contains(args, want) {
			t.Errorf("args %s, without %s", args, want)
		}
	}
	if len(c.VolumeMounts) != 2 || c.Image != "g2c:test" {
		t.Errorf("container: %+v", c)
	}
	r, err := w.coord.Submit(t.Context(), &apiv1.SubmitHeader{RequestId: w.get(e).Status.RequestID, Name: "tiny", Project: w.space}, []api.Work{fixture.Work("HE", fixture.Options{})})
	if err != nil {
		t.Fatal(err)
	}
	w.end(&jobs[0], 0, r.Experiment+"\n")
	got := w.mustLook(e)
	holds(t, got, v1alpha1.Accepted, metav1.ConditionTrue)
	if got.Status.ExperimentID != r.Experiment || got.Status.Progress.Tasks != 1 {
		t.Errorf("status: %+v", got.Status)
	}
	if err := w.admin.Delete(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := w.look(e); err != nil {
		t.Fatal(err)
	}
	w.isGone(e)
	if x := w.experiments(); x[0].State != apiv1.ExperimentState_EXPERIMENT_STATE_CANCELLED {
		t.Errorf("the coordinator has %v", x)
	}
}

// What the Job refuses stands in the condition, in its own words.
func TestAJobThatRefuses(t *testing.T) {
	w := newWorld(t)
	e := w.experiment("e", ofFiles(t))
	e.Spec.Submission = &v1alpha1.Submission{}
	w.create(e)
	w.mustLook(e)
	jobs := w.jobs()
	w.end(&jobs[0], 3, "g2c: /data/train is empty")
	holds(t, w.mustLook(e), v1alpha1.Accepted, metav1.ConditionFalse, "/data/train is empty")
	if err := w.admin.Delete(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if err := w.look(e); err != nil {
		t.Fatal(err)
	}
	w.isGone(e)
}
