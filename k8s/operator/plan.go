package operator

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"

	apiv1 "g2c/api/v1"
)

// member is a pod of a fleet, and what the coordinators know of its worker.
type member struct {
	pod    *corev1.Pod
	worker *apiv1.Worker // nil for one that they do not know
	stale  bool          // made of another template
}

// steps are what is to be done about a fleet's pods now.
type steps struct {
	create int
	drain  []*member // told to the coordinators: nothing new, and save what runs
	remove []*member // deleted
}

func (m *member) ended() bool {
	return m.pod.Status.Phase == corev1.PodSucceeded || m.pod.Status.Phase == corev1.PodFailed
}

func (m *member) leaving() bool { return !m.pod.DeletionTimestamp.IsZero() }

func (m *member) draining() bool {
	return m.worker != nil && m.worker.Mode == apiv1.WorkerMode_WORKER_MODE_DRAINING
}

// connected says whether the coordinators give the worker tasks, or may.
func (m *member) connected() bool {
	return m.worker != nil && m.worker.Connected && !m.worker.Lost
}

func (m *member) busy() bool { return m.connected() && len(m.worker.Allocations) > 0 }

func (m *member) ready() bool {
	c := readiness(m.pod)
	return c != nil && c.Status == corev1.ConditionTrue
}

// readiness is what a pod's condition of that kind says; nil if it has none yet.
func readiness(p *corev1.Pod) *corev1.PodCondition {
	i := slices.IndexFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
	if i < 0 {
		return nil
	}
	return &p.Status.Conditions[i]
}

func (m *member) admitted() bool { return len(m.pod.Spec.SchedulingGates) == 0 }

// choose decides about a fleet: as many pods as are wanted, never more than there may be
// with those that leave, and those of an old template replaced one at a time. A worker goes
// when it is drained, or was never there.
func choose(members []*member, desired, most int) (s steps) {
	var staying []*member
	alive := 0
	for _, m := range members {
		switch {
		case m.leaving():
			if !m.ended() {
				alive++
			}
		case m.ended():
			s.remove = append(s.remove, m)
		case m.draining():
			if alive++; !m.busy() {
				s.remove = append(s.remove, m)
			}
		default:
			alive++
			staying = append(staying, m)
		}
	}
	// Those that cost least to lose first: not connected, then idle, then of the old template,
	// then the youngest.
	slices.SortStableFunc(staying, func(a, b *member) int {
		return cmp.Or(less(b.connected(), a.connected()), less(b.busy(), a.busy()), less(a.stale, b.stale),
			b.pod.CreationTimestamp.Compare(a.pod.CreationTimestamp.Time), cmp.Compare(a.pod.Name, b.pod.Name))
	})
	surplus := max(len(staying)-desired, 0)
	for _, m := range staying[:surplus] {
		s.let(m)
	}
	staying = staying[surplus:]
	if s.create = max(min(desired-len(staying), most-alive), 0); s.create > 0 || surplus > 0 {
		return s
	}
	whole := !slices.ContainsFunc(staying, func(m *member) bool { return !m.stale && !m.ready() })
	if at := slices.IndexFunc(staying, func(m *member) bool { return m.stale }); at >= 0 && whole && alive <= len(staying) {
		s.let(staying[at])
	}
	return s
}

// let has a pod go: at once, or by way of a drain if the coordinators may use it.
func (s *steps) let(m *member) {
	if m.connected() {
		s.drain = append(s.drain, m)
	} else {
		s.remove = append(s.remove, m)
	}
}

// less orders true before false.
func less(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}
