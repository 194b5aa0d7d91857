package operator_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/internal/netfault"
	"g2c/k8s/api/v1alpha1"
	"g2c/k8s/operator"
)

// The apiserver is away for half a minute, which is longer than an operator may lead without it:
// it ends, as what watches over it expects, and the coordinators go on. One that begins when the
// apiserver is back finds what has become of what was stated, and takes up what was stated since.
func TestTheAPIServerIsAway(t *testing.T) {
	w := newWorld(t)
	account := w.install()
	at, err := url.Parse(account.Host)
	if err != nil {
		t.Fatal(err)
	}
	way, err := netfault.Listen(at.Host)
	if err != nil {
		t.Fatal(err)
	}
	defer way.Close()
	over := rest.CopyConfig(account)
	over.Host = (&url.URL{Scheme: at.Scheme, Host: way.Addr()}).String()

	cfg := w.config()
	cfg.Namespace, cfg.LeaderElection, cfg.LeaderSpace = w.space, true, "g2c-system"
	ended := make(chan error, 1)
	go func() { ended <- operator.Run(t.Context(), over, cfg) }()
	led := false
	defer func() {
		if !led { // the test has failed, and what still runs is not to speak after its end
			way.Cut()
			<-ended
		}
	}()
	e := w.experiment("e", tiny(t))
	w.create(e)
	id := w.until(e, submitted).Status.ExperimentID

	away := time.After(30 * time.Second)
	way.Cut()
	w.work("w1")
	w.ended(id)
	late := w.experiment("late", tiny(t))
	w.create(late) // by somebody who reaches it
	select {
	case err := <-ended:
		led = true
		if err == nil || !strings.Contains(err.Error(), "leader election lost") {
			t.Errorf("the operator ended with %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("an operator that does not reach the apiserver leads for ever")
	}
	<-away
	way.Heal()

	stop := w.beginWith(over, cfg)
	w.until(e, func(e *v1alpha1.Experiment) bool {
		return meta.IsStatusConditionTrue(e.Status.Conditions, v1alpha1.Complete)
	})
	w.until(late, submitted)
	if n := len(w.experiments()); n != 2 {
		t.Errorf("the coordinator has %d experiments, of two that were stated", n)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
}

// Somebody else writes to an Experiment between an operator's read and its write: labels that it
// knows nothing of stay, a spec that changed meanwhile is not said to have been seen, and an
// Experiment that was deleted and made anew is another one.
func TestOthersWriteMeanwhile(t *testing.T) {
	w := newWorld(t)
	e := w.experiment("e", tiny(t))
	w.create(e)
	w.mustLook(e)
	read := w.get(e)
	read.Labels = map[string]string{"team": "nephrology"}
	read.Spec.Suspend = true
	if err := w.admin.Update(t.Context(), read); err != nil {
		t.Fatal(err)
	}
	old := w.get(e)
	r, _ := w.operatorOver(w.admin)
	if _, err := r.Reconcile(t.Context(), request(e)); err != nil {
		t.Fatal(err)
	}
	got := w.get(e)
	if got.Labels["team"] != "nephrology" || len(got.Finalizers) != 1 || !got.Spec.Suspend {
		t.Errorf("after it: labels %v, finalizers %v, suspend %v", got.Labels, got.Finalizers, got.Spec.Suspend)
	}
	holds(t, got, v1alpha1.Suspended, metav1.ConditionTrue)

	// A write that knows only what was there before is a conflict, and loses.
	old.Labels["team"] = "pathology"
	if err := w.admin.Update(t.Context(), old); err == nil || !strings.Contains(err.Error(), "the object has been modified") {
		t.Errorf("a write over another is %v", err)
	}
	first := got.Status.ExperimentID
	if err := w.admin.Delete(t.Context(), got); err != nil {
		t.Fatal(err)
	}
	within(t, "the end of the first", func() bool {
		w.look(e) // its error is of what is gone
		return client.IgnoreNotFound(w.admin.Get(t.Context(), client.ObjectKeyFromObject(e), &v1alpha1.Experiment{})) == nil &&
			w.admin.Get(t.Context(), client.ObjectKeyFromObject(e), &v1alpha1.Experiment{}) != nil
	})
	again := w.experiment("e", tiny(t))
	w.create(again)
	if got := w.mustLook(again).Status.ExperimentID; got == first || got == "" {
		t.Errorf("made anew it is %q, before it was %q", got, first)
	}
}
