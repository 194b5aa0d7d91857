package kubelet

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// pod is one that runs.
type pod struct {
	node *Node
	p    *corev1.Pod
	ip   string
	dir  string

	// asked ends when its processes are to end, killed when they are killed.
	asked, killed context.Context
	ask, kill     context.CancelFunc
	mu            sync.Mutex
	deadline      *time.Timer // until it is killed; nil while nobody asked
	at            time.Time
	initialized   bool
	containers    []corev1.ContainerStatus
	reporting     sync.Mutex
}

func (n *Node) newPod(p *corev1.Pod) *pod {
	d := &pod{node: n, p: p, ip: n.address(), dir: filepath.Join(n.Root, "pods", string(p.UID))}
	d.asked, d.ask = context.WithCancel(context.Background())
	d.killed, d.kill = context.WithCancel(context.Background())
	for _, c := range p.Spec.Containers {
		d.containers = append(d.containers, corev1.ContainerStatus{
			Name: c.Name, Image: c.Image, ImageID: "process", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}},
		})
	}
	return d
}

// end asks a pod to end, and has it killed when its grace is over. Each change of a pod that
// ends comes here, too: the time can only get shorter.
func (d *pod) end(asked time.Time, grace time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	at := asked.Add(grace)
	if d.deadline == nil {
		at = time.Now().Add(grace)
		d.deadline, d.at = time.AfterFunc(grace, d.kill), at
	} else if at.Before(d.at) {
		d.at = at
		d.deadline.Reset(time.Until(at))
	}
	d.ask()
}

// run is a pod's life.
func (d *pod) run(ctx context.Context) {
	defer d.kill()
	defer context.AfterFunc(ctx, func() { d.ask(); d.kill() })()
	d.report(ctx, corev1.PodPending)
	if err := d.prepare(ctx); err == nil {
		d.mu.Lock()
		d.initialized = true
		d.mu.Unlock()
		var work sync.WaitGroup
		for i := range d.p.Spec.Containers {
			work.Go(func() { d.container(ctx, i) })
		}
		work.Wait()
	}
	phase := corev1.PodSucceeded
	for _, c := range d.containers {
		if c.State.Terminated == nil || c.State.Terminated.ExitCode != 0 {
			phase = corev1.PodFailed
		}
	}
	d.report(ctx, phase)
	select {
	case <-d.asked.Done(): // it is kept until somebody deletes it
	case <-ctx.Done():
	}
	if ctx.Err() == nil {
		d.node.finish(ctx, d.p)
	}
	if err := os.RemoveAll(d.dir); err != nil {
		d.node.Log.Warn("remove a pod's folder", "pod", d.p.Name, "err", err)
	}
}

// container runs a container, and again as the pod's policy has it.
func (d *pod) container(ctx context.Context, i int) {
	const longest = 10 * time.Second
	policy := d.p.Spec.RestartPolicy
	for pause := time.Second; ; pause = min(2*pause, longest) {
		code, began := d.runOnce(ctx, i)
		again := policy == corev1.RestartPolicyAlways || policy == corev1.RestartPolicyOnFailure && code != 0
		again = again && d.asked.Err() == nil
		d.change(i, func(c *corev1.ContainerStatus) {
			end := &corev1.ContainerStateTerminated{ExitCode: int32(code), StartedAt: began, FinishedAt: now(), Reason: "Completed"}
			if code != 0 {
				end.Reason = "Error"
			}
			c.Ready, c.State, c.Started = false, corev1.ContainerState{Terminated: end}, new(false)
			if again {
				c.LastTerminationState, c.RestartCount = c.State, c.RestartCount+1
				c.State = corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}}
			}
		})
		if !again {
			return
		}
		d.report(ctx, corev1.PodRunning)
		select {
		case <-time.After(pause):
		case <-d.asked.Done():
			return
		}
	}
}

// change changes what is said of a container.
func (d *pod) change(i int, how func(c *corev1.ContainerStatus)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	how(&d.containers[i])
}
