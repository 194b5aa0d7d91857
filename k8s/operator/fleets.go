package operator

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	g2c "g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/internal/clock"
	"g2c/k8s/api/v1alpha1"
)

// fleets keeps as many pods as are wanted.
type fleets struct {
	client   client.Client
	live     client.Reader // a cache may not know yet of a pod that was made a moment ago
	clusters *clusters
	clock    clock.Clock
	demand   Demand
}

var (
	podKind    = schema.GroupVersionKind{Version: "v1", Kind: "Pod"}
	secretKind = schema.GroupVersionKind{Version: "v1", Kind: "Secret"}
)

// certVolume is the volume of a worker's certificate.
const certVolume = "g2c-certs"

// settle makes, drains and removes pods of a fleet, and counts those that there are. A pod
// counts as soon as the apiserver has it, so a pass that was cut short is gone on with.
func (r *fleets) settle(ctx context.Context, f *fleet, owner metav1.OwnerReference, coord *g2c.Client, desired int) (*v1alpha1.WorkerCounts, string, error) {
	var err error
	if f.issue, err = r.clusters.issuer(ctx, f.cluster); err != nil {
		return nil, "", err
	}
	want := f.template()
	want.Annotations = merged(want.Annotations, map[string]string{hashAnnotation: hash(want)})
	members, err := r.members(ctx, f, coord, want.Annotations[hashAnnotation])
	if err != nil {
		return nil, "", err
	}
	s := choose(members, desired, int(f.workers.Max))
	var errs []error
	for range s.create {
		errs = append(errs, r.create(ctx, f, want, owner))
	}
	for _, m := range s.drain {
		_, err := coord.Workers().SetWorkerMode(ctx, &apiv1.SetWorkerModeRequest{
			RequestId: g2c.RequestID(), Id: m.pod.Name, Mode: apiv1.WorkerMode_WORKER_MODE_DRAINING, Reason: "its pool needs fewer pods, or another template",
		})
		errs = append(errs, err)
	}
	for _, m := range s.remove {
		errs = append(errs, r.remove(ctx, m, coord))
	}
	counts := &v1alpha1.WorkerCounts{Desired: int32(desired)}
	var gated []*corev1.Pod
	for _, m := range members {
		if m.ended() || m.leaving() {
			continue
		}
		errs = append(errs, r.certify(ctx, f, m.pod))
		if m.admitted() {
			counts.Admitted++
		} else {
			gated = append(gated, m.pod)
		}
		if m.ready() {
			counts.Ready++
		}
	}
	return counts, r.whyPending(ctx, gated), errors.Join(errs...)
}

// members are a fleet's pods with their workers.
func (r *fleets) members(ctx context.Context, f *fleet, coord *g2c.Client, fresh string) ([]*member, error) {
	var pods corev1.PodList
	if err := r.live.List(ctx, &pods, client.InNamespace(f.namespace), client.MatchingLabels(f.selector())); err != nil {
		return nil, err
	}
	if len(pods.Items) == 0 {
		return nil, nil
	}
	workers := map[string]*apiv1.Worker{}
	for w, err := range coord.AllWorkers(ctx) {
		if err != nil {
			return nil, err
		}
		workers[w.Id] = w
	}
	var out []*member
	for i := range pods.Items {
		p := &pods.Items[i]
		out = append(out, &member{pod: p, worker: workers[p.Name], stale: p.Annotations[hashAnnotation] != fresh})
	}
	return out, nil
}

// create makes a pod of a name that no pod had: what others know of an old one (Kueue of its
// workload, the coordinators of its worker) is never taken for the new one's.
func (r *fleets) create(ctx context.Context, f *fleet, want *corev1.Pod, owner metav1.OwnerReference) error {
	pod := want.DeepCopy()
	pod.Namespace, pod.OwnerReferences = f.namespace, []metav1.OwnerReference{owner}
	pod.Name = freshName(f.name)
	if f.issue != nil {
		c := containerNamed(&pod.Spec, "worker")
		c.Args = append(c.Args, "--certs", certFolder)
		mountSecret(&pod.Spec, c, certVolume, pod.Name, certFolder)
	}
	if err := r.client.Create(ctx, pod, manager); err != nil {
		return taking(err)
	}
	return r.certify(ctx, f, pod)
}

// freshName is a name for a pod: its fleet's, cut to leave room, and random letters.
func freshName(fleet string) string {
	const most, random = 63, 8
	if room := most - random - 1; len(fleet) > room {
		fleet = strings.TrimRight(fleet[:room], "-.")
	}
	return strings.ReplaceAll(fleet, ".", "-") + "-" + strings.ToLower(rand.Text()[:random])
}

// remove deletes a pod, and has the coordinators forget a worker that has ended, whose name
// nobody takes again.
func (r *fleets) remove(ctx context.Context, m *member, coord *g2c.Client) error {
	if m.worker != nil && m.ended() {
		_, err := coord.Workers().RemoveWorker(ctx, &apiv1.RemoveWorkerRequest{RequestId: "remove-" + string(m.pod.UID), Id: m.pod.Name})
		if err != nil && !errors.Is(err, rpcerr.NotFound) && !errors.Is(err, rpcerr.Conflict) {
			return err
		}
	}
	return client.IgnoreNotFound(r.client.Delete(ctx, m.pod, client.Preconditions{UID: &m.pod.UID}))
}

// renewAnnotation says from when on a worker's certificate is to be replaced.
const renewAnnotation = "g2c.dev/renew-after"

// certify sees to it that a pod has the Secret of its certificate, which goes with it.
func (r *fleets) certify(ctx context.Context, f *fleet, pod *corev1.Pod) error {
	if f.issue == nil {
		return nil
	}
	var s corev1.Secret
	err := r.live.Get(ctx, client.ObjectKeyFromObject(pod), &s)
	if client.IgnoreNotFound(err) != nil {
		return err
	}
	now := r.clock.Now()
	if renew, perr := time.Parse(time.RFC3339, s.Annotations[renewAnnotation]); err == nil && perr == nil && now.Before(renew) {
		return nil
	}
	if err == nil && !metav1.IsControlledBy(&s, pod) {
		return fmt.Errorf("the Secret %s/%s is somebody else's: the worker of that name gets no certificate", s.Namespace, s.Name)
	}
	files, err := f.issue(pod.Name, certificateValid)
	if err != nil {
		return err
	}
	s = corev1.Secret{Data: files}
	s.Name, s.Namespace = pod.Name, pod.Namespace
	s.Annotations = map[string]string{renewAnnotation: now.Add(certificateValid / 2).UTC().Format(time.RFC3339)}
	s.OwnerReferences = []metav1.OwnerReference{owned(podKind, pod)}
	return apply(ctx, r.client, &s, secretKind, manager)
}
