package operator

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/internal/fault"
	"g2c/k8s/api/v1alpha1"
)

var (
	jobKind       = schema.GroupVersionKind{Group: "batch", Version: "v1", Kind: "Job"}
	configMapKind = schema.GroupVersionKind{Version: "v1", Kind: "ConfigMap"}
)

// Where a Job that submits finds the spec, and where it leaves the experiment's id.
const (
	specFolder = "/etc/g2c/spec"
	specFile   = "spec.yaml"
	certFolder = "/etc/g2c/certs"
	receipt    = "/dev/termination-log"
	jobLabel   = "g2c.dev/submission"
)

// submitByJob has a Job that sees the data expand the spec and submit it. The Job's pod says
// the experiment's id as its last words; a Job that is made again repeats the same request.
func (p *pass) submitByJob(ctx context.Context, a *accepted) (time.Duration, error) {
	ended, err := p.jobEnded(ctx, a)
	if err != nil || p.status.ExperimentID != "" {
		return 0, err
	}
	if ended {
		return 0, nil
	}
	p.set(v1alpha1.Accepted, false, "Submitting", "the Job "+jobName(a)+" reads its data and submits it")
	config := p.specMap(a)
	if err := apply(ctx, p.Client, config, configMapKind, manager); err != nil {
		return 0, err
	}
	var job batchv1.Job
	err = p.Live.Get(ctx, client.ObjectKey{Namespace: p.e.Namespace, Name: jobName(a)}, &job)
	if client.IgnoreNotFound(err) != nil {
		return 0, err
	}
	if err != nil { // a Job's template is for ever: it is stated once
		err = apply(ctx, p.Client, p.job(a), jobKind, manager)
	}
	return pollEvery, err
}

// jobEnded reads what has become of the Job. It is false while it runs, or is not there.
func (p *pass) jobEnded(ctx context.Context, a *accepted) (bool, error) {
	var pods corev1.PodList
	if err := p.Live.List(ctx, &pods, client.InNamespace(p.e.Namespace), client.MatchingLabels{jobLabel: a.request}); err != nil {
		return false, err
	}
	for i := range pods.Items {
		for _, c := range pods.Items[i].Status.ContainerStatuses {
			end := c.State.Terminated
			if c.Name != "submit" || end == nil {
				continue
			}
			if end.ExitCode == fault.ExitDone {
				p.taken(strings.TrimSpace(end.Message))
				return true, nil
			}
			if permanent(int(end.ExitCode)) {
				p.set(v1alpha1.Accepted, false, "Refused", fmt.Sprintf("the Job %s ended with exit code %d: %s", jobName(a), end.ExitCode, end.Message))
				return true, nil
			}
		}
	}
	return false, nil
}

// permanent says whether an exit code of g2c is for what a repeat does not put right.
func permanent(code int) bool {
	return code == fault.ExitSpec || code == fault.ExitData || code == fault.ExitNotFound
}

func jobName(a *accepted) string { return "g2c-submit-" + a.request }

// specMap holds the spec for the Job.
func (p *pass) specMap(a *accepted) *corev1.ConfigMap {
	m := &corev1.ConfigMap{Data: map[string]string{specFile: a.text}}
	m.Name, m.Namespace = jobName(a), p.e.Namespace
	m.OwnerReferences = append(m.OwnerReferences, owned(experimentKind, p.e))
	return m
}

// job is the Job that submits. Its pod goes on trying until the cluster can be reached, and
// ends at once where the spec or its data are wrong.
func (p *pass) job(a *accepted) *batchv1.Job {
	args := []string{"submit", specFolder + "/" + specFile, "--class", a.class, "--set", "metadata.project=" + p.e.Namespace,
		"--request-id", a.request, "--receipt", receipt, "--server", strings.Join(serversOf(p.cluster), ",")}
	if p.e.Spec.Priority != nil {
		args = append(args, "--set", "metadata.priority="+strconv.Itoa(int(*p.e.Spec.Priority)))
	}
	if p.e.Spec.Submission.SharedPaths {
		args = append(args, "--shared-paths")
	}
	pod := corev1.PodTemplateSpec{}
	if t := p.e.Spec.Submission.Template; t != nil {
		pod = *t.DeepCopy()
	}
	c := containerNamed(&pod.Spec, "submit")
	if secret := p.clusters.submitterName(p.cluster); secret != "" {
		args = append(args, "--certs", certFolder)
		mountSecret(&pod.Spec, c, "g2c-certs", secret, certFolder)
	}
	c.Image, c.Command, c.Args = p.cluster.Spec.Image, []string{"g2c"}, args
	c.TerminationMessagePolicy = corev1.TerminationMessageFallbackToLogsOnError
	pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "g2c-spec", VolumeSource: corev1.VolumeSource{
		ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: jobName(a)}},
	}})
	c.VolumeMounts = append(c.VolumeMounts, corev1.VolumeMount{Name: "g2c-spec", MountPath: specFolder, ReadOnly: true})
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	restrict(&pod.Spec)
	pod.Labels = merged(pod.Labels, map[string]string{jobLabel: a.request, appLabel: "g2c", "app.kubernetes.io/component": "submit"})

	job := &batchv1.Job{Spec: batchv1.JobSpec{Template: pod}}
	job.Name, job.Namespace = jobName(a), p.e.Namespace
	job.OwnerReferences = append(job.OwnerReferences, owned(experimentKind, p.e))
	job.Spec.BackoffLimit = new(int32(20))
	job.Spec.PodFailurePolicy = &batchv1.PodFailurePolicy{Rules: []batchv1.PodFailurePolicyRule{
		{Action: batchv1.PodFailurePolicyActionFailJob, OnExitCodes: &batchv1.PodFailurePolicyOnExitCodesRequirement{
			ContainerName: new("submit"), Operator: batchv1.PodFailurePolicyOnExitCodesOpIn,
			Values: []int32{fault.ExitSpec, fault.ExitData, fault.ExitNotFound},
		}},
		{Action: batchv1.PodFailurePolicyActionIgnore, OnPodConditions: []batchv1.PodFailurePolicyOnPodConditionsPattern{
			{Type: corev1.DisruptionTarget, Status: corev1.ConditionTrue},
		}},
	}}
	return job
}
