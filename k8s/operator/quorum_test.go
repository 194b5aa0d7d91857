package operator_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/k8s/api/v1alpha1"
	"g2c/k8s/operator"
)

// quorum plays what a Cluster's coordinators, the StatefulSet's controller and the kubelets
// do: who has a pod and an empty volume joins, learns, votes and is ready.
type quorum struct {
	apiv1.UnimplementedClusterServiceServer
	w *world
	c *v1alpha1.Cluster

	mu      sync.Mutex
	founded bool
	leader  string
	level   uint32
	members map[string]*apiv1.Member
	births  map[string]string // volumes by which members are known
	dead    map[string]bool   // volumes of those that were taken out
	project string
	acts    []string
}

func newQuorum(w *world, name string, replicas int32) *quorum {
	w.t.Helper()
	q := &quorum{w: w, level: 5, members: map[string]*apiv1.Member{}, births: map[string]string{}, dead: map[string]bool{}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		w.t.Fatal(err)
	}
	g := grpc.NewServer()
	apiv1.RegisterClusterServiceServer(g, q)
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(l) }()
	w.t.Cleanup(func() {
		g.Stop()
		if err := <-ended; err != nil {
			w.t.Error(err)
		}
	})
	w.coordinators, w.level, w.authority = l.Addr().String(), 6, &scribe{}
	q.c = w.cluster(name)
	q.c.Spec.Coordinators = coordinators(replicas)
	w.create(q.c)
	return q
}

// scribe is an authority whose certificates say who they are for.
type scribe struct{ founded int }

func (s *scribe) Found() (map[string][]byte, error) {
	s.founded++
	return map[string][]byte{"ca.crt": fmt.Appendf(nil, "authority %d", s.founded), "ca.key": []byte("key")}, nil
}

func (s *scribe) Issue(by map[string][]byte, to operator.Holder) (map[string][]byte, error) {
	return map[string][]byte{"ca.crt": by["ca.crt"], "identity.pem": []byte(to.Role + "/" + to.Name + "/" + to.Grant)}, nil
}

func (q *quorum) Status(context.Context, *apiv1.StatusRequest) (*apiv1.StatusResponse, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if !q.founded {
		return nil, rpcerr.New(rpcerr.NoLeader, "it is not founded yet")
	}
	s := &apiv1.StatusResponse{Leader: q.leader, Level: q.level}
	for _, name := range slices.Sorted(maps.Keys(q.members)) {
		s.Members = append(s.Members, q.members[name])
	}
	return s, nil
}

func (q *quorum) ListProjects(context.Context, *apiv1.ListProjectsRequest) (*apiv1.ListProjectsResponse, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return &apiv1.ListProjectsResponse{Projects: []*apiv1.Project{{Name: "default"}, {Name: q.project}}}, nil
}

func (q *quorum) SetProject(_ context.Context, r *apiv1.SetProjectRequest) (*apiv1.SetProjectResponse, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.acts = append(q.acts, "project")
	q.project = r.Name
	return &apiv1.SetProjectResponse{}, nil
}

func (q *quorum) RemoveMember(_ context.Context, r *apiv1.RemoveMemberRequest) (*apiv1.RemoveMemberResponse, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.acts = append(q.acts, "remove "+r.Id)
	if q.members[r.Id] == nil {
		return nil, rpcerr.New(rpcerr.NotFound, "no member is called %s", r.Id)
	}
	q.dead[q.births[r.Id]] = true
	delete(q.members, r.Id)
	delete(q.births, r.Id)
	return &apiv1.RemoveMemberResponse{}, nil
}

func (q *quorum) TransferLeadership(context.Context, *apiv1.TransferLeadershipRequest) (*apiv1.TransferLeadershipResponse, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.acts = append(q.acts, "transfer")
	q.elect(q.leader)
	return &apiv1.TransferLeadershipResponse{}, nil
}

// elect makes the first voter lead that is not one.
func (q *quorum) elect(not string) {
	q.leader = ""
	for _, name := range slices.Sorted(maps.Keys(q.members)) {
		if name != not && q.members[name].Role == "voter" && q.members[name].Healthy {
			q.leader = name
			return
		}
	}
}

func (q *quorum) RaiseLevel(_ context.Context, r *apiv1.RaiseLevelRequest) (*apiv1.RaiseLevelResponse, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.acts = append(q.acts, fmt.Sprint("raise ", r.Level))
	q.level = r.Level
	return &apiv1.RaiseLevelResponse{}, nil
}

// play does what follows by itself from what there is.
func (q *quorum) play() {
	q.w.t.Helper()
	var set appsv1.StatefulSet
	err := q.w.admin.Get(q.w.t.Context(), client.ObjectKeyFromObject(q.c), &set)
	if apierrors.IsNotFound(err) {
		return
	}
	q.w.must(err)
	text, err := json.Marshal(set.Spec.Template)
	q.w.must(err)
	sum := sha256.Sum256(text)
	revision := hex.EncodeToString(sum[:4])
	if set.Status.ObservedGeneration != set.Generation {
		set.Status.ObservedGeneration, set.Status.UpdateRevision, set.Status.Replicas = set.Generation, revision, *set.Spec.Replicas
		q.w.must(q.w.admin.Status().Update(q.w.t.Context(), &set))
	}
	for n := range 5 {
		name := fmt.Sprintf("%s-%d", q.c.Name, n)
		if n >= int(*set.Spec.Replicas) {
			pod := &corev1.Pod{}
			pod.Name, pod.Namespace = name, q.w.space
			q.w.must(client.IgnoreNotFound(q.w.admin.Delete(q.w.t.Context(), pod, client.GracePeriodSeconds(0))))
			q.goes(name)
			q.free(name)
			continue
		}
		q.run(name, &set, revision)
	}
	q.found(int(*set.Spec.Replicas))
}

// run sees to it that a coordinator has its volume and its pod, and goes on by a step.
func (q *quorum) run(name string, set *appsv1.StatefulSet, revision string) {
	q.w.t.Helper()
	q.free(name)
	claim := &corev1.PersistentVolumeClaim{Spec: set.Spec.VolumeClaimTemplates[0].Spec}
	claim.Name, claim.Namespace = "data-"+name, q.w.space
	if err := q.w.admin.Create(q.w.t.Context(), claim); !apierrors.IsAlreadyExists(err) {
		q.w.must(err)
	}
	q.w.must(q.w.admin.Get(q.w.t.Context(), client.ObjectKeyFromObject(claim), claim))
	var pod corev1.Pod
	err := q.w.admin.Get(q.w.t.Context(), client.ObjectKey{Namespace: q.w.space, Name: name}, &pod)
	if apierrors.IsNotFound(err) {
		q.goes(name)
		pod = corev1.Pod{ObjectMeta: *set.Spec.Template.ObjectMeta.DeepCopy(), Spec: *set.Spec.Template.Spec.DeepCopy()}
		pod.Name, pod.Namespace, pod.Labels["controller-revision-hash"] = name, q.w.space, revision
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: "data", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name},
		}})
		q.w.create(&pod)
		return
	}
	q.w.must(err)
	if ready := q.lives(name, string(claim.UID)); ready != podIsReady(&pod) {
		pod.Status.Phase = corev1.PodRunning
		status := corev1.ConditionFalse
		if ready {
			status = corev1.ConditionTrue
		}
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: status}}
		q.w.must(q.w.admin.Status().Update(q.w.t.Context(), &pod))
	}
}

func podIsReady(p *corev1.Pod) bool {
	return len(p.Status.Conditions) > 0 && p.Status.Conditions[0].Status == corev1.ConditionTrue
}

// free lets a claim go that was deleted, as the controller does once no pod has it.
func (q *quorum) free(name string) {
	q.w.t.Helper()
	var claim corev1.PersistentVolumeClaim
	err := q.w.admin.Get(q.w.t.Context(), client.ObjectKey{Namespace: q.w.space, Name: "data-" + name}, &claim)
	if err == nil && claim.DeletionTimestamp != nil {
		claim.Finalizers = nil
		err = q.w.admin.Update(q.w.t.Context(), &claim)
	}
	q.w.must(client.IgnoreNotFound(err))
}

// goes is a coordinator whose pod is there no more.
func (q *quorum) goes(name string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if m := q.members[name]; m != nil {
		m.Healthy = false
	}
	if q.leader == name {
		q.elect(name)
	}
}

// lives is a coordinator that runs on a volume; it says whether it is ready.
func (q *quorum) lives(name, volume string) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	m := q.members[name]
	switch {
	case !q.founded || q.dead[volume]:
		return false
	case m == nil: // it joins
		q.members[name], q.births[name] = &apiv1.Member{Id: name, Role: "learner", Healthy: true}, volume
		return false
	case q.births[name] != volume:
		m.Replaced = true
		return false
	}
	m.Role, m.Healthy = "voter", true
	if q.leader == "" {
		q.elect("")
	}
	return true
}

// found makes a cluster of all pods that found one.
func (q *quorum) found(replicas int) {
	q.w.t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	var m corev1.ConfigMap
	q.w.must(q.w.admin.Get(q.w.t.Context(), client.ObjectKey{Namespace: q.w.space, Name: q.c.Name + "-coordinators"}, &m))
	peers := strings.Count(m.Data["coordinator.conf"], "@")
	if q.founded || peers == 0 {
		return
	}
	if peers != replicas {
		q.w.t.Fatalf("%d coordinators are to be founded by %d peers", replicas, peers)
	}
	for n := range replicas {
		name := fmt.Sprintf("%s-%d", q.c.Name, n)
		var claim corev1.PersistentVolumeClaim
		q.w.must(q.w.admin.Get(q.w.t.Context(), client.ObjectKey{Namespace: q.w.space, Name: "data-" + name}, &claim))
		q.members[name], q.births[name] = &apiv1.Member{Id: name, Role: "voter", Healthy: true}, string(claim.UID)
	}
	q.founded = true
	q.elect("")
}

// enough checks that who is there keeps the majority.
func (q *quorum) enough() {
	q.w.t.Helper()
	q.mu.Lock()
	defer q.mu.Unlock()
	voters, alive := 0, 0
	for _, m := range q.members {
		if m.Role == "voter" {
			voters++
			if m.Healthy && !m.Replaced {
				alive++
			}
		}
	}
	if q.founded && voters > 2 && alive < voters/2+1 {
		q.w.t.Fatalf("of %d voters %d live", voters, alive)
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}
