package e2e

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	g2c "g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/k8s/api/v1alpha1"
	"g2c/k8s/servers/kubelet"
)

// A cluster on Kubernetes, from nothing to nothing: it trains what `g2c run` trains, to the
// bit and once, whatever is taken away meanwhile.
func TestOnKubernetes(t *testing.T) {
	k := newKit(t)
	k.begin()
	t.Cleanup(k.kill)
	var coord *g2c.Client
	for _, station := range []struct {
		name string
		do   func(k *kit, coord *g2c.Client)
	}{
		{"a cluster of three comes up", func(k *kit, _ *g2c.Client) {
			coord = k.comeUp()
		}},
		{"an experiment trains as by g2c run", func(k *kit, coord *g2c.Client) { k.complete(k.submit(11), coord) }},
		{"workers' pods are deleted at random", (*kit).deleteWorkers},
		{"a node is drained", (*kit).drainNode},
		{"the leader's pod is deleted", (*kit).deleteLeader},
		{"a volume is lost", (*kit).loseVolume},
		{"three become five, and three again", (*kit).scale},
		{"coordinators are brought to another image", (*kit).upgrade},
		{"the operator is killed again and again", (*kit).killOperator},
		{"nothing is left", (*kit).deleteAll},
		{"a cluster of the same name goes on", (*kit).comeBack},
		{"a Job trains without an operator", (*kit).jobAlone},
	} {
		ok := t.Run(station.name, func(t *testing.T) {
			k.t = t
			station.do(k, coord)
		})
		k.t = t
		if !ok {
			t.Fatal("what follows needs this")
		}
	}
}

// comeUp states a Cluster and workers, and waits for the Cluster.
func (k *kit) comeUp() *g2c.Client {
	for _, o := range []client.Object{storeClaim(), cluster(), pool()} {
		k.create(o)
	}
	c := k.settled(3)
	for _, m := range c.Status.Members {
		if m.Role != "voter" || !m.Ready || !m.Updated {
			k.t.Errorf("member %+v", m)
		}
	}
	return k.dial(k.certificate(), 3)
}

// change states the Cluster otherwise.
func (k *kit) change(how func(s *v1alpha1.ClusterSpec)) {
	k.t.Helper()
	c := k.state()
	before := client.MergeFrom(c.DeepCopy())
	how(&c.Spec)
	k.must(k.admin.Patch(k.t.Context(), c, before))
}

// pods are those of a component.
func (k *kit) pods(component string) []corev1.Pod {
	k.t.Helper()
	var list corev1.PodList
	k.must(k.admin.List(k.t.Context(), &list, client.InNamespace(space), client.MatchingLabels{"app.kubernetes.io/component": component}))
	return list.Items
}

func ready(p *corev1.Pod) bool {
	return p.DeletionTimestamp == nil && slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// deleteWorkers deletes workers that train, one after the other: gracefully, and as if their
// machine had vanished.
func (k *kit) deleteWorkers(coord *g2c.Client) {
	e := k.submit(12)
	r := rand.New(rand.NewPCG(1, uint64(os.Getpid())))
	const most, least = 4, 2
	deleted := 0
	for n := range most {
		all := k.trainers(e, coord)
		if len(all) == 0 {
			break
		}
		deleted++
		victim := &corev1.Pod{}
		victim.Name, victim.Namespace = all[r.IntN(len(all))], space
		var options []client.DeleteOption
		if n%2 == 1 {
			options = append(options, client.GracePeriodSeconds(0))
		}
		k.must(client.IgnoreNotFound(k.admin.Delete(k.t.Context(), victim, options...)))
		k.until("it is gone", &corev1.PodList{}, func() bool {
			return !slices.ContainsFunc(k.pods("worker"), func(p corev1.Pod) bool { return p.Name == victim.Name })
		})
	}
	if deleted < least {
		k.t.Errorf("only %d workers were deleted while they trained", deleted)
	}
	k.complete(e, coord)
}

// drainNode has kubectl drain a node that has coordinators or workers.
func (k *kit) drainNode(coord *g2c.Client) {
	e := k.submit(13)
	k.training(e, coord)
	node := k.pods("coordinator")[0].Spec.NodeName
	k.kubectl("drain", node, "--delete-emptydir-data", "--force", "--ignore-daemonsets", "--timeout=240s")
	for _, component := range []string{"coordinator", "worker"} {
		for _, p := range k.pods(component) {
			if p.Spec.NodeName == node && p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning {
				k.t.Errorf("%s still runs on %s", p.Name, node)
			}
		}
	}
	k.complete(e, coord)
	k.kubectl("uncordon", node)
	k.settled(3)
}

// deleteLeader deletes the pod that leads: asked to end, it hands leadership on first.
func (k *kit) deleteLeader(coord *g2c.Client) {
	e := k.submit(14)
	k.training(e, coord)
	leader := k.settled(3).Status.Leader
	pod := &corev1.Pod{}
	k.must(k.admin.Get(k.t.Context(), client.ObjectKey{Namespace: space, Name: leader}, pod))
	k.must(k.admin.Delete(k.t.Context(), pod))
	k.until("another leads", &v1alpha1.ClusterList{}, func() bool {
		s := k.state().Status
		return s.Leader != "" && s.Leader != leader
	})
	k.complete(e, coord)
	k.returned(leader, pod.UID)
	log, err := os.ReadFile(kubelet.LogFile(k.root, space, leader, "coordinator"))
	k.must(err)
	if !strings.Contains(string(log), "leadership was handed on") {
		k.t.Errorf("%s did not hand leadership on:\n%s", leader, log)
	}
	k.settled(3)
}

// returned waits until a pod of a name is another one, and ready.
func (k *kit) returned(name string, not types.UID) {
	k.t.Helper()
	k.until(name+" is back", &corev1.PodList{}, func() bool {
		return slices.ContainsFunc(k.pods("coordinator"), func(p corev1.Pod) bool { return p.Name == name && p.UID != not && ready(&p) })
	})
}

// loseVolume takes a follower's volume away: what it had promised is gone, so the operator
// takes it out and lets it join anew.
func (k *kit) loseVolume(coord *g2c.Client) {
	e := k.submit(15)
	k.training(e, coord)
	leader := k.settled(3).Status.Leader
	name := "main-0"
	if leader == name {
		name = "main-1"
	}
	pod, claim := &corev1.Pod{}, &corev1.PersistentVolumeClaim{}
	k.must(k.admin.Get(k.t.Context(), client.ObjectKey{Namespace: space, Name: name}, pod))
	k.must(k.admin.Get(k.t.Context(), client.ObjectKey{Namespace: space, Name: "data-" + name}, claim))
	k.must(k.admin.Delete(k.t.Context(), claim))
	k.must(k.admin.Delete(k.t.Context(), pod))
	k.returned(name, pod.UID)
	k.settled(3)
	lost := claim.UID
	k.must(k.admin.Get(k.t.Context(), client.ObjectKeyFromObject(claim), claim))
	if claim.UID == lost {
		k.t.Error("the volume is the old one")
	}
	k.complete(e, coord)
}

// scale has two more coordinators join, and leave.
func (k *kit) scale(coord *g2c.Client) {
	e := k.submit(16)
	k.training(e, coord)
	for _, n := range []int32{5, 3} {
		k.change(func(s *v1alpha1.ClusterSpec) { s.Coordinators.Replicas = n })
		k.settled(int(n))
	}
	k.complete(e, coord)
}

// upgrade gives all pods another image. Two of three coordinators are ready at every moment.
func (k *kit) upgrade(coord *g2c.Client) {
	e := k.submit(17)
	k.training(e, coord)
	k.settled(3)
	ctx, cancel := context.WithCancel(k.t.Context())
	defer cancel()
	least, err := k.leastReady(ctx)
	k.must(err)
	k.change(func(s *v1alpha1.ClusterSpec) { s.Image = "g2c:2" })
	if got := k.settled(3).Status; got.Image != "g2c:2" {
		k.t.Errorf("the image is %q, members %+v", got.Image, got.Members)
	}
	cancel()
	if n := <-least; n != 2 {
		k.t.Errorf("at the least %d coordinators were ready, want 2 of 3", n)
	}
	k.complete(e, coord)
}

// leastReady watches the coordinators' pods until the context ends, and then says how many
// were ready at the least.
func (k *kit) leastReady(ctx context.Context) (<-chan int, error) {
	var list corev1.PodList
	in := []client.ListOption{client.InNamespace(space), client.MatchingLabels{"app.kubernetes.io/component": "coordinator"}}
	if err := k.admin.List(ctx, &list, in...); err != nil {
		return nil, err
	}
	is := map[string]bool{}
	for i := range list.Items {
		is[list.Items[i].Name] = ready(&list.Items[i])
	}
	w, err := k.admin.Watch(ctx, &corev1.PodList{}, in...)
	if err != nil {
		return nil, err
	}
	out := make(chan int, 1)
	go func() {
		least := len(is)
		for event := range w.ResultChan() {
			if p, ok := event.Object.(*corev1.Pod); ok {
				is[p.Name] = event.Type != "DELETED" && ready(p)
			}
			now := 0
			for _, r := range is {
				if r {
					now++
				}
			}
			least = min(least, now)
		}
		out <- least
	}()
	return out, nil
}

// killOperator kills the operator whenever it has written something, and begins another.
func (k *kit) killOperator(coord *g2c.Client) {
	e := k.submit(18)
	kills, seen := 0, ""
	k.until("its end, with an operator that dies", &v1alpha1.ExperimentList{}, func() bool {
		k.refresh(e)
		if meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.Complete) {
			return true
		}
		if e.ResourceVersion != seen && kills < 10 {
			seen = e.ResourceVersion
			kills++
			k.kill()
			k.begin()
		}
		return false
	})
	if kills < 3 {
		k.t.Errorf("the operator was killed %d times", kills)
	}
	k.complete(e, coord)
}

// deleteAll deletes what people have stated. What the operator made of it goes along: every
// pod, every process, and every Secret but the authority's, which is kept as the volumes are.
func (k *kit) deleteAll(*g2c.Client) {
	if n, runs := len(k.pods("coordinator")), len(processes(k.t)); n != 3 || runs < n {
		k.t.Errorf("%d coordinators and %d processes are there to be deleted", n, runs)
	}
	k.must(k.admin.DeleteAllOf(k.t.Context(), &v1alpha1.Experiment{}, client.InNamespace(space)))
	k.until("no Experiment is left", &v1alpha1.ExperimentList{}, func() bool {
		var list v1alpha1.ExperimentList
		k.must(k.admin.List(k.t.Context(), &list, client.InNamespace(space)))
		return len(list.Items) == 0
	})
	k.must(k.admin.Delete(k.t.Context(), pool()))
	k.must(k.admin.Delete(k.t.Context(), cluster()))
	k.until("no pod is left", &corev1.PodList{}, func() bool {
		return len(k.pods("worker")) == 0 && len(k.pods("coordinator")) == 0
	})
	var names []string
	k.until("no Secret but the authority is left", &corev1.SecretList{}, func() bool {
		var list corev1.SecretList
		k.must(k.admin.List(k.t.Context(), &list, client.InNamespace(space)))
		names = nil
		for _, s := range list.Items {
			names = append(names, s.Name)
		}
		return len(names) == 1 && names[0] == "main-authority"
	})
	var claims corev1.PersistentVolumeClaimList
	k.must(k.admin.List(k.t.Context(), &claims, client.InNamespace(space)))
	if len(claims.Items) < 4 { // the store's, and those of three coordinators
		k.t.Errorf("%d claims are left: volumes are kept", len(claims.Items))
	}
	if left := processes(k.t); len(left) > 0 {
		k.t.Errorf("processes are left: %s", strings.Join(left, ", "))
	}
}

// comeBack states the Cluster again, which takes up the volumes and the authority that stayed:
// people's certificates are good, and what was done is known.
func (k *kit) comeBack(coord *g2c.Client) {
	k.create(cluster())
	k.settled(3)
	done := 0
	for task, err := range coord.AllTasks(k.t.Context(), &apiv1.ListTasksRequest{}) {
		k.must(err)
		if task.State == apiv1.TaskState_TASK_STATE_DONE {
			done++
		}
	}
	if done == 0 {
		k.t.Error("nothing is known of what was done")
	}
}

// processes are those of coordinators, workers and their runners that there are.
func processes(t *testing.T) (out []string) {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range all {
		b, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended meanwhile
		}
		if args := strings.Split(string(b), "\x00"); len(args) > 1 && filepath.Base(args[0]) == "g2c" && args[1] != "operator" {
			out = append(out, fmt.Sprint(args[:min(len(args), 4)]))
		}
	}
	return out
}
