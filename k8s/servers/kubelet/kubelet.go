// Package kubelet plays nodes of a Kubernetes cluster in a test, without containers: it
// registers a node and runs the containers of the pods that are bound to it as processes of
// this machine, images ignored. Each pod has an address of its own, from a range that is
// routed on the loopback interface of the test's network namespace (servers.Enter), and each
// container its own view of the file system, with the pod's volumes in their places.
//
// A program that uses it calls Container first thing in main, or TestMain: containers begin
// as that program.
//
// Not played: images, users, limits, init containers, projected tokens, exec, port-forward.
package kubelet

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/retry"
)

// Config is a node.
type Config struct {
	Name   string
	Client kubernetes.Interface
	Range  string // first three bytes of the pods' addresses; .1 is the node's own
	Root   string // folder of logs and volumes, which nodes share
	// Binds are files of this machine, by their places in every container.
	Binds map[string]string
	// Pretend has pods be ready without a process, for measures of what only looks at them.
	Pretend bool
	Log     *slog.Logger
}

// Node runs pods until its context ends.
type Node struct {
	Config

	mu   sync.Mutex
	pods map[types.UID]*pod
	next int // last byte of the address that is given next
	work sync.WaitGroup
}

// leaseSeconds is how long a node counts as alive that says nothing.
const leaseSeconds = 40

// Run registers the node and runs its pods until the context ends; then it kills what runs.
func Run(ctx context.Context, c Config) error {
	n := &Node{Config: c, pods: map[types.UID]*pod{}, next: 2}
	if err := n.register(ctx); err != nil {
		return fmt.Errorf("register node %s: %w", c.Name, err)
	}
	pods := cache.NewListWatchFromClient(c.Client.CoreV1().RESTClient(), "pods", "", fields.OneTermEqualSelector("spec.nodeName", c.Name))
	_, informer := cache.NewInformerWithOptions(cache.InformerOptions{
		ListerWatcher: pods, ObjectType: &corev1.Pod{},
		Handler: cache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { n.see(ctx, o.(*corev1.Pod)) },
			UpdateFunc: func(_, o any) { n.see(ctx, o.(*corev1.Pod)) },
			DeleteFunc: n.gone,
		},
	})
	n.work.Go(func() { n.beat(ctx) })
	informer.RunWithContext(ctx)
	n.work.Wait()
	return nil
}

// register makes the node and says that it is ready. The controller manager writes new nodes,
// too, so conflicts are usual.
func (n *Node) register(ctx context.Context) error {
	node := &corev1.Node{Spec: corev1.NodeSpec{PodCIDR: n.Range + ".0/24"}}
	node.Name = n.Name
	node.Labels = map[string]string{corev1.LabelHostname: n.Name, corev1.LabelOSStable: "linux"}
	if _, err := n.Client.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return err
	}
	room := corev1.ResourceList{
		corev1.ResourceCPU: resource.MustParse("64"), corev1.ResourceMemory: resource.MustParse("64Gi"),
		corev1.ResourcePods: resource.MustParse("200"), corev1.ResourceEphemeralStorage: resource.MustParse("50Gi"),
	}
	return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
		now, err := n.Client.CoreV1().Nodes().Get(ctx, n.Name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		now.Status.Capacity, now.Status.Allocatable = room, room
		now.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: n.Range + ".1"}, {Type: corev1.NodeHostName, Address: n.Name}}
		now.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "KubeletReady", LastHeartbeatTime: metav1.Now(), LastTransitionTime: metav1.Now()}}
		_, err = n.Client.CoreV1().Nodes().UpdateStatus(ctx, now, metav1.UpdateOptions{})
		return err
	})
}

// beat renews the lease by which the node counts as alive.
func (n *Node) beat(ctx context.Context) {
	leases := n.Client.CoordinationV1().Leases(corev1.NamespaceNodeLease)
	tick := time.NewTicker(leaseSeconds / 4 * time.Second)
	defer tick.Stop()
	for {
		now := metav1.NewMicroTime(time.Now())
		lease := &coordinationv1.Lease{Spec: coordinationv1.LeaseSpec{HolderIdentity: &n.Name, RenewTime: &now, LeaseDurationSeconds: new(int32(leaseSeconds))}}
		lease.Name, lease.Namespace = n.Name, corev1.NamespaceNodeLease
		old, err := leases.Get(ctx, n.Name, metav1.GetOptions{})
		if err == nil {
			lease.ResourceVersion = old.ResourceVersion
			_, err = leases.Update(ctx, lease, metav1.UpdateOptions{})
		} else if apierrors.IsNotFound(err) {
			_, err = leases.Create(ctx, lease, metav1.CreateOptions{})
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			n.Log.Warn("renew the lease", "node", n.Name, "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// see takes up a pod, or what has become of one.
func (n *Node) see(ctx context.Context, p *corev1.Pod) {
	n.mu.Lock()
	defer n.mu.Unlock()
	d := n.pods[p.UID]
	if d == nil && p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodPending {
		d = n.newPod(p)
		n.pods[p.UID] = d
		n.work.Go(func() {
			d.run(ctx)
			n.mu.Lock()
			defer n.mu.Unlock()
			delete(n.pods, p.UID)
		})
	}
	if p.DeletionTimestamp == nil {
		return
	}
	if d == nil { // it ended, and was forgotten
		n.work.Go(func() { n.finish(ctx, p) })
		return
	}
	grace := time.Duration(corev1.DefaultTerminationGracePeriodSeconds) * time.Second
	if p.DeletionGracePeriodSeconds != nil {
		grace = time.Duration(*p.DeletionGracePeriodSeconds) * time.Second
	}
	d.end(p.DeletionTimestamp.Add(-grace), grace)
}

// gone is a pod that was deleted by force: what runs of it is killed.
func (n *Node) gone(o any) {
	if last, ok := o.(cache.DeletedFinalStateUnknown); ok {
		o = last.Obj
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if d := n.pods[o.(*corev1.Pod).UID]; d != nil {
		d.end(time.Now(), 0)
	}
}

// finish takes a pod out of the apiserver, of which nothing runs any more.
func (n *Node) finish(ctx context.Context, p *corev1.Pod) {
	err := n.Client.CoreV1().Pods(p.Namespace).Delete(ctx, p.Name, metav1.DeleteOptions{
		GracePeriodSeconds: new(int64(0)), Preconditions: &metav1.Preconditions{UID: &p.UID},
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) && ctx.Err() == nil {
		n.Log.Warn("take a pod out", "pod", p.Name, "err", err)
	}
}

// address is one that no pod of the node had lately.
func (n *Node) address() string {
	const last = 254
	a := fmt.Sprintf("%s.%d", n.Range, n.next)
	if n.next++; n.next > last {
		n.next = 2
	}
	return a
}

// LogFile is where a container's output lies.
func LogFile(root, namespace, pod, container string) string {
	return filepath.Join(root, "logs", namespace, pod, container+".log")
}

// ClaimFolder is where the volume of a claim lies, on whatever node.
func ClaimFolder(root string, claim types.UID) string {
	return filepath.Join(root, "claims", string(claim))
}
