package operator

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	apiv1 "g2c/api/v1"
)

// pods makes members of words: a name and what is true of it.
func pods(text string) (out []*member) {
	for i, field := range strings.Fields(text) {
		words := strings.Split(field, ",")
		m := &member{pod: &corev1.Pod{}}
		m.pod.Name, m.pod.CreationTimestamp = words[0], metav1.NewTime(time.Unix(int64(i), 0))
		m.pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		for _, word := range words[1:] {
			switch word {
			case "stale":
				m.stale = true
			case "unready":
				m.pod.Status.Conditions = nil
			case "ended":
				m.pod.Status.Phase = corev1.PodFailed
			case "leaving":
				m.pod.DeletionTimestamp = new(metav1.Now())
			case "idle":
				m.worker = &apiv1.Worker{Connected: true}
			case "busy":
				m.worker = &apiv1.Worker{Connected: true, Allocations: []*apiv1.Allocation{{Task: "t"}}}
			case "draining":
				m.worker.Mode = apiv1.WorkerMode_WORKER_MODE_DRAINING
			case "lost":
				m.worker.Lost = true
			default:
				panic(word)
			}
		}
		out = append(out, m)
	}
	return out
}

func (s steps) String() string {
	names := func(list []*member) (out string) {
		for _, m := range list {
			out += " " + m.pod.Name
		}
		return out
	}
	return fmt.Sprintf("create %d, drain%s, remove%s", s.create, names(s.drain), names(s.remove))
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		pods          string
		desired, most int
		want          string
	}{
		{"", 0, 4, "create 0, drain, remove"},
		{"", 3, 4, "create 3, drain, remove"},
		{"a,busy b,idle", 3, 4, "create 1, drain, remove"},
		{"a,ended b,busy", 2, 4, "create 1, drain, remove a"},
		{"a,busy b,idle c,unready", 2, 4, "create 0, drain, remove c"},         // what was never there goes first
		{"a,busy b,idle c,idle", 1, 4, "create 0, drain c b, remove"},          // then idle ones, the youngest first
		{"a,busy b,busy", 1, 1, "create 0, drain b, remove"},                   // none is deleted under its work
		{"a,busy b,busy,draining", 1, 1, "create 0, drain, remove"},            // nor while it saves
		{"a,busy b,idle,draining", 1, 1, "create 0, drain, remove b"},          // but when it is drained
		{"a,busy,lost", 0, 4, "create 0, drain, remove a"},                     // of a lost one nothing is to be saved
		{"a,idle b,leaving", 2, 2, "create 0, drain, remove"},                  // never more than most, with those that leave
		{"a,idle b,leaving", 2, 3, "create 1, drain, remove"},                  // and the next at once if it may be
		{"a,stale,idle b,stale,busy", 2, 4, "create 0, drain a, remove"},       // a new template: one at a time
		{"a,stale,busy b,unready", 2, 4, "create 0, drain, remove"},            // the next when the last is ready
		{"a,stale,busy b,idle,leaving", 1, 4, "create 0, drain, remove"},       // and the one before has gone
		{"a,stale,unready b,stale,unready", 2, 4, "create 0, drain, remove b"}, // a broken template is replaced by a right one
	} {
		if got := choose(pods(c.pods), c.desired, c.most).String(); got != c.want {
			t.Errorf("%q, %d of at most %d:\n got %s\nwant %s", c.pods, c.desired, c.most, got, c.want)
		}
	}
}

// Whatever there is, what is chosen keeps to the bounds, lets nothing go twice and leaves
// alone what works.
func TestChooseKeepsItsPromises(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	states := []string{"idle", "busy", "unready", "ended", "leaving", "idle,draining", "busy,draining", "busy,lost", "stale,idle", "stale,busy"}
	for range 20_000 {
		var text []string
		for i := range r.IntN(6) {
			text = append(text, fmt.Sprintf("p%d,%s", i, states[r.IntN(len(states))]))
		}
		most := r.IntN(6)
		desired := r.IntN(most + 1)
		members := pods(strings.Join(text, " "))
		s := choose(members, desired, most)
		alive := 0
		for _, m := range members {
			if !m.ended() {
				alive++
			}
		}
		if s.create > 0 && alive+s.create > most || s.create > desired {
			t.Fatalf("%v: %d of at most %d: %v", text, desired, most, s)
		}
		seen := map[string]bool{}
		for _, m := range append(s.drain, s.remove...) {
			if seen[m.pod.Name] || m.leaving() {
				t.Fatalf("%v: %v", text, s)
			}
			seen[m.pod.Name] = true
		}
		for _, m := range s.remove {
			if m.busy() && !m.ended() {
				t.Fatalf("%v: %s is deleted under its work", text, m.pod.Name)
			}
		}
	}
}
