package kubelet

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/util/retry"
)

// report writes a pod's status, one report after the other, so that the last one says what is.
func (d *pod) report(ctx context.Context, phase corev1.PodPhase) {
	d.reporting.Lock()
	defer d.reporting.Unlock()
	pods := d.node.Client.CoreV1().Pods(d.p.Namespace)
	err := retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		p, err := pods.Get(ctx, d.p.Name, metav1.GetOptions{})
		if err != nil || p.UID != d.p.UID {
			return err
		}
		was := p.Status.DeepCopy()
		d.describe(&p.Status, phase)
		if equality.Semantic.DeepEqual(was, &p.Status) {
			return nil
		}
		_, err = pods.UpdateStatus(ctx, p, metav1.UpdateOptions{})
		return err
	})
	if err != nil && !apierrors.IsNotFound(err) && ctx.Err() == nil {
		d.node.Log.Warn("report a pod", "pod", d.p.Name, "err", err)
	}
}

// describe brings a status up to date.
func (d *pod) describe(s *corev1.PodStatus, phase corev1.PodPhase) {
	d.mu.Lock()
	defer d.mu.Unlock()
	host := d.node.Range + ".1"
	s.Phase, s.PodIP, s.HostIP = phase, d.ip, host
	s.PodIPs, s.HostIPs = []corev1.PodIP{{IP: d.ip}}, []corev1.HostIP{{IP: host}}
	s.ContainerStatuses = slices.Clone(d.containers)
	if s.StartTime == nil {
		s.StartTime = new(now())
	}
	ready := phase == corev1.PodRunning && !slices.ContainsFunc(d.containers, func(c corev1.ContainerStatus) bool { return !c.Ready })
	why := ""
	switch {
	case phase == corev1.PodSucceeded:
		why = "PodCompleted"
	case !ready:
		why = "ContainersNotReady"
	}
	condition(s, corev1.PodReadyToStartContainers, true, "")
	condition(s, corev1.PodInitialized, d.initialized, "")
	condition(s, corev1.ContainersReady, ready, why)
	condition(s, corev1.PodReady, ready, why)
}

// condition sets a condition, whose time is kept while it stays.
func condition(s *corev1.PodStatus, kind corev1.PodConditionType, is bool, reason string) {
	c := corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, Reason: reason, LastTransitionTime: now()}
	if is {
		c.Status = corev1.ConditionTrue
	}
	for i := range s.Conditions {
		if old := &s.Conditions[i]; old.Type == kind {
			if old.Status == c.Status {
				c.LastTransitionTime = old.LastTransitionTime
			}
			*old = c
			return
		}
	}
	s.Conditions = append(s.Conditions, c)
}
