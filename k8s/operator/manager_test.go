package operator_test

import (
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/api/v1alpha1"
	"g2c/k8s/operator"
)

// begin runs an operator of the test's namespace, as `g2c operator` does, until the test
// ends or stop is called.
func (w *world) begin(rc *rest.Config) (stop func() error) {
	w.t.Helper()
	cfg := w.config()
	cfg.Namespace, cfg.LeaderElection, cfg.LeaderSpace = w.space, true, "g2c-system"
	return w.beginWith(rc, cfg)
}

// beginWith is begin with another configuration.
func (w *world) beginWith(rc *rest.Config, cfg operator.Config) (stop func() error) {
	w.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- operator.Run(ctx, rc, cfg) }()
	return func() error {
		cancel()
		return <-ended
	}
}

// until reads an Experiment until it is as wanted.
func (w *world) until(e *v1alpha1.Experiment, so func(e *v1alpha1.Experiment) bool) *v1alpha1.Experiment {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), 60*time.Second)
	defer cancel()
	list := &v1alpha1.ExperimentList{}
	watch, err := w.admin.Watch(ctx, list, client.InNamespace(w.space))
	if err != nil {
		w.t.Fatal(err)
	}
	defer watch.Stop()
	if got := w.get(e); so(got) {
		return got
	}
	for event := range watch.ResultChan() {
		if got, ok := event.Object.(*v1alpha1.Experiment); ok && got.Name == e.Name && so(got) {
			return got
		}
	}
	w.t.Fatalf("it stayed %+v", w.get(e).Status)
	return nil
}

func submitted(e *v1alpha1.Experiment) bool {
	return e.Status.ExperimentID != "" && meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.Accepted)
}

// install applies the manifests of the operator, and is who it runs as.
func (w *world) install() *rest.Config {
	w.t.Helper()
	return w.installOn(apiserver(w.t))
}

func (w *world) installOn(config *rest.Config) *rest.Config {
	w.t.Helper()
	f, err := os.Open("../manifests/operator.yaml")
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	objects := yaml.NewYAMLOrJSONDecoder(f, 4096)
	for n := 0; ; n++ {
		u := &unstructured.Unstructured{}
		if err := objects.Decode(&u.Object); errors.Is(err, io.EOF) && n > 0 {
			break
		} else if err != nil {
			w.t.Fatal(err)
		}
		if err := w.admin.Apply(w.t.Context(), client.ApplyConfigurationFromUnstructured(u), client.FieldOwner("test"), client.ForceOwnership); err != nil {
			w.t.Fatalf("%s %s: %v", u.GetKind(), u.GetName(), err)
		}
	}
	rc := rest.CopyConfig(config)
	rc.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:g2c-system:g2c-operator"}
	return rc
}

// The operator as it is installed, with what it may do there: what is applied is submitted
// and gets its pods, what is deleted is cancelled, and another that takes over finds all as
// it is.
func TestTheOperatorAsItIsInstalled(t *testing.T) {
	w := newWorld(t)
	w.issue = func(worker string, _ time.Duration) (map[string][]byte, error) {
		return map[string][]byte{"identity.pem": []byte(worker)}, nil
	}
	account := w.install()
	stop := w.begin(account)
	a := w.experiment("a", tiny(t))
	a.Spec.Workers = &v1alpha1.Workers{Min: 1, Max: 1, Device: "cpu", Slots: 1}
	w.create(a)
	id := w.until(a, func(e *v1alpha1.Experiment) bool {
		return submitted(e) && e.Status.Workers != nil && e.Status.Workers.Desired == 1
	}).Status.ExperimentID
	if len(w.pods("a")) != 1 {
		t.Errorf("pods: %v", names(w.pods("a")))
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	stop = w.begin(account)
	b := w.experiment("b", tiny(t))
	w.create(b)
	w.until(b, submitted)
	if err := w.admin.Delete(t.Context(), a); err != nil {
		t.Fatal(err)
	}
	w.ended(id)
	if got := w.get(b).Status.ExperimentID; got == id || len(w.experiments()) != 2 {
		t.Errorf("the second is %s, the first was %s; there are %d", got, id, len(w.experiments()))
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// An operator that may not write status says so as an error and tries again; when it may, it
// goes on.
func TestAMissingPermission(t *testing.T) {
	w := newWorld(t)
	e := w.experiment("e", tiny(t))
	w.create(e)
	rc := apiserver(t)
	rc.Impersonate = rest.ImpersonationConfig{UserName: "operator-" + w.space}
	read := rbacv1.PolicyRule{APIGroups: []string{"g2c.dev"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"}}
	role := &rbacv1.Role{Rules: []rbacv1.PolicyRule{read, {APIGroups: []string{"g2c.dev"}, Resources: []string{"experiments"}, Verbs: []string{"patch"}}}}
	role.Name, role.Namespace = "operator", w.space
	bind := &rbacv1.RoleBinding{RoleRef: rbacv1.RoleRef{APIGroup: "rbac.authorization.k8s.io", Kind: "Role", Name: "operator"},
		Subjects: []rbacv1.Subject{{Kind: "User", APIGroup: "rbac.authorization.k8s.io", Name: rc.Impersonate.UserName}}}
	bind.Name, bind.Namespace = "operator", w.space
	w.create(role)
	w.create(bind)
	r, _ := w.operatorOver(clientFor(t, rc))
	look := func() error {
		_, err := r.Reconcile(t.Context(), request(e))
		return err
	}
	within(t, "a role that counts", func() bool { // first nothing is allowed, then all but the status
		return apierrors.IsForbidden(look()) && len(w.get(e).Finalizers) == 1
	})
	if len(w.experiments()) != 0 {
		t.Fatal("it was submitted though nothing can be noted of it")
	}
	role.Rules = append(role.Rules, rbacv1.PolicyRule{APIGroups: []string{"g2c.dev"}, Resources: []string{"experiments/status"}, Verbs: []string{"patch"}})
	if err := w.admin.Update(t.Context(), role); err != nil {
		t.Fatal(err)
	}
	within(t, "the permission", func() bool { return look() == nil })
	holds(t, w.get(e), v1alpha1.Accepted, metav1.ConditionTrue)
	if len(w.experiments()) != 1 {
		t.Errorf("the coordinator has %v", w.experiments())
	}
}
