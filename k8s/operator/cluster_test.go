package operator_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/api/v1alpha1"
	"g2c/k8s/operator"
)

func coordinators(n int32) *v1alpha1.Coordinators {
	return &v1alpha1.Coordinators{Replicas: n, Storage: v1alpha1.Storage{Size: resource.MustParse("1Gi")}}
}

// look has an operator look at the Cluster once.
func (q *quorum) look(over client.Client) error {
	q.w.t.Helper()
	_, err := operator.New(over, over, q.w.events, q.w.config()).Clusters.Reconcile(q.w.t.Context(), request(q.c))
	return err
}

// settle lets operator and world take turns until all is as it is stated. An operator that is
// mortal dies behind each of its writes, and another one goes on.
func (q *quorum) settle(mortals bool) *v1alpha1.Cluster {
	q.w.t.Helper()
	const most = 400
	for range most {
		over := client.Client(q.w.admin)
		if mortals {
			m := &mortal{}
			over, q.w.dialed = m.over(q.w.admin), m.dialled()
		}
		if err := q.look(over); err != nil && !errors.Is(err, errKilled) && !strings.Contains(err.Error(), errKilled.Error()) {
			q.w.t.Fatal(err)
		}
		q.w.dialed = nil
		q.play()
		q.enough()
		got := q.get()
		c := meta.FindStatusCondition(got.Status.Conditions, v1alpha1.Progressing)
		if c != nil && c.Reason == "AsStated" && c.ObservedGeneration == got.Generation && int(got.Status.Ready) == int(got.Spec.Coordinators.Replicas) {
			return got
		}
	}
	q.w.t.Fatalf("it does not settle: %+v; acts %v", q.get().Status, q.acts)
	return nil
}

func (q *quorum) get() *v1alpha1.Cluster {
	q.w.t.Helper()
	var c v1alpha1.Cluster
	q.w.must(q.w.admin.Get(q.w.t.Context(), client.ObjectKeyFromObject(q.c), &c))
	return &c
}

// change states something else.
func (q *quorum) change(how func(s *v1alpha1.ClusterSpec)) {
	q.w.t.Helper()
	c := q.get()
	how(&c.Spec)
	q.w.must(q.w.admin.Update(q.w.t.Context(), c))
}

// scenario is a cluster's life: founded, grown, brought to a new image, a volume lost,
// shrunk. It returns what was done to the coordinators at each station.
func (q *quorum) scenario(mortals bool) (stations []string) {
	q.w.t.Helper()
	note := func(what string) {
		got := q.settle(mortals)
		var members []string
		for _, m := range got.Status.Members {
			members = append(members, fmt.Sprint(m.Name, m.Role, m.Ready, m.Updated))
		}
		stations = append(stations, fmt.Sprint(what, " ", got.Status.Leader, got.Status.Level, got.Status.Image, members))
	}
	note("founded")
	q.change(func(s *v1alpha1.ClusterSpec) { s.Coordinators.Replicas = 3 })
	note("grown")
	q.change(func(s *v1alpha1.ClusterSpec) { s.Image = "g2c:next" })
	note("updated")
	name := q.c.Name + "-2"
	for _, o := range []client.Object{&corev1.PersistentVolumeClaim{}, &corev1.Pod{}} {
		o.SetNamespace(q.w.space)
		o.SetName(name)
		if _, claim := o.(*corev1.PersistentVolumeClaim); claim {
			o.SetName("data-" + name)
		}
		q.w.must(q.w.admin.Delete(q.w.t.Context(), o, client.GracePeriodSeconds(0)))
	}
	note("volume lost")
	q.change(func(s *v1alpha1.ClusterSpec) { s.Coordinators.Replicas = 5 })
	note("five")
	q.change(func(s *v1alpha1.ClusterSpec) { s.Coordinators.Replicas = 1 })
	note("shrunk")
	q.change(func(s *v1alpha1.ClusterSpec) { s.Coordinators.Replicas = 3 }) // on volumes of who was taken out
	note("grown again")
	return stations
}

// A Cluster is founded, grows, is brought to a new release, loses a volume and shrinks, one
// coordinator at a time and never below its majority; and an operator that is killed behind
// every one of its writes brings it to the same.
func TestAClusterOfCoordinators(t *testing.T) {
	var want []string
	for _, mortals := range []bool{false, true} {
		t.Run(fmt.Sprint("killed=", mortals), func(t *testing.T) {
			w := newWorld(t)
			q := newQuorum(w, "own", 1)
			got := q.scenario(mortals)
			if want == nil {
				want = got
			} else if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
			if len(q.members) != 3 || q.level != 6 {
				t.Errorf("%d members at level %d", len(q.members), q.level)
			}
			if n := w.authority.(*scribe).founded; !mortals && n != 1 {
				t.Errorf("%d authorities were made", n)
			}
			removed := strings.Join(q.acts, ", ")
			if want := "project, raise 6, remove own-2, remove own-4, remove own-3, remove own-2, transfer, remove own-1"; removed != want {
				t.Errorf("acts: %s, want %s", removed, want)
			}
		})
	}
}

// What the operator makes: objects that fit the restricted standard, each coordinator with a
// certificate of its name, and nothing that is written twice.
func TestWhatAClusterIsMadeOf(t *testing.T) {
	w := newWorld(t)
	q := newQuorum(w, "own", 3)
	q.settle(false)
	var set appsv1.StatefulSet
	w.must(w.admin.Get(t.Context(), client.ObjectKeyFromObject(q.c), &set))
	if set.Spec.PodManagementPolicy != appsv1.ParallelPodManagement || set.Spec.UpdateStrategy.Type != appsv1.OnDeleteStatefulSetStrategyType ||
		set.Spec.PersistentVolumeClaimRetentionPolicy.WhenDeleted != appsv1.RetainPersistentVolumeClaimRetentionPolicyType {
		t.Errorf("the StatefulSet: %+v", set.Spec)
	}
	var budget policyv1.PodDisruptionBudget
	w.must(w.admin.Get(t.Context(), client.ObjectKeyFromObject(q.c), &budget))
	if budget.Spec.MaxUnavailable.IntValue() != 1 {
		t.Errorf("the budget: %v", budget.Spec.MaxUnavailable)
	}
	var peers, front corev1.Service
	w.must(w.admin.Get(t.Context(), client.ObjectKeyFromObject(q.c), &peers))
	w.must(w.admin.Get(t.Context(), client.ObjectKey{Namespace: w.space, Name: "own-client"}, &front))
	if !peers.Spec.PublishNotReadyAddresses || peers.Spec.ClusterIP != "None" || front.Spec.PublishNotReadyAddresses {
		t.Errorf("the Services: %+v, %+v", peers.Spec, front.Spec)
	}
	var certs, submitter corev1.Secret
	w.must(w.admin.Get(t.Context(), client.ObjectKey{Namespace: w.space, Name: "own-coordinators"}, &certs))
	w.must(w.admin.Get(t.Context(), client.ObjectKey{Namespace: w.space, Name: "own-submitter"}, &submitter))
	if string(certs.Data["own-4.pem"]) != "coordinator/own-4/" || string(submitter.Data["identity.pem"]) != "client/g2c-submitter/submitter" {
		t.Errorf("certificates: %s, %s", certs.Data["own-4.pem"], submitter.Data["identity.pem"])
	}
	var m corev1.ConfigMap
	w.must(w.admin.Get(t.Context(), client.ObjectKey{Namespace: w.space, Name: "own-coordinators"}, &m))
	if !strings.HasPrefix(m.Data["coordinator.conf"], "join: own-0.own."+w.space+".svc:7443,") {
		t.Errorf("who comes new is told: %s", m.Data["coordinator.conf"])
	}
	count := &mortal{left: -1}
	for range 3 {
		w.must(q.look(count.over(w.admin)))
	}
	if count.writes != 0 {
		t.Errorf("%d writes though nothing changed", count.writes)
	}
	set.Spec.Template.Spec.PriorityClassName = ""
	set.Spec.Template.Spec.Containers[0].Image = "somebody:else"
	w.must(w.admin.Update(t.Context(), &set))
	q.settle(false)
	w.must(w.admin.Get(t.Context(), client.ObjectKeyFromObject(q.c), &set))
	if got := set.Spec.Template.Spec.Containers[0].Image; got != "g2c:test" {
		t.Errorf("what somebody else changed stays: %s", got)
	}
	set.Annotations["note"] = "what somebody adds is theirs"
	w.must(w.admin.Update(t.Context(), &set))
	q.settle(false)
}

// An authority that is named is used, and waited for; what is somebody else's is not taken.
func TestAClusterOfANamedAuthority(t *testing.T) {
	w := newWorld(t)
	q := newQuorum(w, "own", 1)
	q.change(func(s *v1alpha1.ClusterSpec) { s.Coordinators.Authority = "mine" })
	if err := q.look(w.admin); err == nil || !strings.Contains(err.Error(), "mine") {
		t.Errorf("without the Secret: %v", err)
	}
	s := &corev1.Secret{Data: map[string][]byte{"ca.crt": []byte("mine"), "ca.key": []byte("k")}}
	s.Name, s.Namespace = "mine", w.space
	w.create(s)
	q.settle(false)
	var certs corev1.Secret
	w.must(w.admin.Get(t.Context(), client.ObjectKey{Namespace: w.space, Name: "own-coordinators"}, &certs))
	if string(certs.Data["ca.crt"]) != "mine" || w.authority.(*scribe).founded != 0 {
		t.Errorf("issued by %s", certs.Data["ca.crt"])
	}
	// cert-manager's: its ca.crt is another authority, which issued this one
	s = &corev1.Secret{Type: corev1.SecretTypeTLS, Data: map[string][]byte{"ca.crt": []byte("root"), "tls.crt": []byte("theirs"), "tls.key": []byte("k")}}
	s.Name, s.Namespace = "theirs", w.space
	w.create(s)
	q.change(func(s *v1alpha1.ClusterSpec) { s.Coordinators.Authority = "theirs" })
	q.settle(false)
	w.must(w.admin.Get(t.Context(), client.ObjectKey{Namespace: w.space, Name: "own-coordinators"}, &certs))
	if string(certs.Data["ca.crt"]) != "theirs" {
		t.Errorf("issued by %s, want cert-manager's", certs.Data["ca.crt"])
	}
	other := &corev1.Service{Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 80}}}}
	other.Name, other.Namespace = "taken", w.space
	w.create(other)
	q2 := newQuorum(w, "taken", 1)
	if err := q2.look(w.admin); err == nil || !strings.Contains(err.Error(), "somebody else's") {
		t.Errorf("a Service of that name: %v", err)
	}
	if c := meta.FindStatusCondition(q2.get().Status.Conditions, v1alpha1.Progressing); c == nil || c.Reason != "NotStated" || c.Status != metav1.ConditionFalse {
		t.Errorf("conditions: %+v", q2.get().Status.Conditions)
	}
}

// Coordinators that run elsewhere are only asked how they are.
func TestAClusterElsewhere(t *testing.T) {
	w := newWorld(t)
	c := w.cluster("main")
	r := operator.New(w.admin, w.admin, w.events, w.config())
	if _, err := r.Clusters.Reconcile(t.Context(), request(c)); err != nil {
		t.Fatal(err)
	}
	w.must(w.admin.Get(t.Context(), client.ObjectKeyFromObject(c), c))
	text, err := json.Marshal(c.Status.Members)
	w.must(err)
	if !meta.IsStatusConditionTrue(c.Status.Conditions, v1alpha1.Available) || c.Status.Leader != "c1" || c.Status.Ready != 1 {
		t.Errorf("status %+v, members %s", c.Status, text)
	}
}

// Workers, and Jobs that submit, of a Cluster whose coordinators the operator runs show
// certificates of its authority.
func TestMembersOfAClusterHaveItsCertificates(t *testing.T) {
	w := newWorld(t)
	w.issue = func(string, time.Duration) (map[string][]byte, error) { return nil, errors.New("it is another's") }
	q := newQuorum(w, "own", 1)
	q.settle(false)
	e := w.experiment("e", ofFiles(t))
	e.Spec.ClusterRef.Name = "own"
	e.Spec.Submission = &v1alpha1.Submission{SharedPaths: true}
	w.create(e)
	w.mustLook(e)
	jobs := w.jobs()
	if len(jobs) != 1 || !slices.ContainsFunc(jobs[0].Spec.Template.Spec.Volumes, func(v corev1.Volume) bool {
		return v.Secret != nil && v.Secret.SecretName == "own-submitter"
	}) {
		t.Fatalf("the Job has no certificate: %+v", jobs)
	}
	issue, err := operator.IssuerOf(t.Context(), w.admin, w.config(), q.get())
	w.must(err)
	files, err := issue("spot-1", time.Hour)
	w.must(err)
	if string(files["identity.pem"]) != "worker/spot-1/" || string(files["ca.crt"]) != "authority 1" {
		t.Errorf("a worker's certificate: %s of %s", files["identity.pem"], files["ca.crt"])
	}
}

// What a volume is claimed as is for good, and the apiserver says so.
func TestStorageCannotBeChanged(t *testing.T) {
	w := newWorld(t)
	c := w.cluster("own")
	c.Spec.Coordinators = coordinators(1)
	w.create(c)
	c.Spec.Coordinators.Storage.Size = resource.MustParse("2Gi")
	if err := w.admin.Update(t.Context(), c); err == nil || !strings.Contains(err.Error(), "storage cannot be changed") {
		t.Errorf("%v", err)
	}
}
