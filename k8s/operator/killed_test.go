package operator_test

import (
	"context"
	"encoding/json"
	"errors"
	"testing"

	"google.golang.org/grpc"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	apiv1 "g2c/api/v1"
	"g2c/k8s/api/v1alpha1"
)

var errKilled = errors.New("the operator was killed here")

// mortal counts the writes of an operator, to the apiserver and to coordinators, and kills
// it behind one of them: the write is made, and nobody hears of it.
type mortal struct {
	left   int // writes that it outlives; below 0 for all
	writes int
	dead   bool
}

func (m *mortal) wrote(err error) error {
	if err != nil {
		return err
	}
	m.writes++
	if m.left == 0 || m.dead {
		m.dead = true
		return errKilled
	}
	m.left--
	return nil
}

func (m *mortal) alive() error {
	if m.dead {
		return errKilled
	}
	return nil
}

// over is a client that dies.
func (m *mortal) over(c client.WithWatch) client.WithWatch {
	return interceptor.NewClient(c, interceptor.Funcs{
		Apply: func(ctx context.Context, c client.WithWatch, o runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			if err := m.alive(); err != nil {
				return err
			}
			return m.wrote(c.Apply(ctx, o, opts...))
		},
		Create: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.CreateOption) error {
			if err := m.alive(); err != nil {
				return err
			}
			return m.wrote(c.Create(ctx, o, opts...))
		},
		Delete: func(ctx context.Context, c client.WithWatch, o client.Object, opts ...client.DeleteOption) error {
			if err := m.alive(); err != nil {
				return err
			}
			return m.wrote(c.Delete(ctx, o, opts...))
		},
		SubResourceApply: func(ctx context.Context, c client.Client, sub string, o runtime.ApplyConfiguration, opts ...client.SubResourceApplyOption) error {
			if err := m.alive(); err != nil {
				return err
			}
			return m.wrote(c.SubResource(sub).Apply(ctx, o, opts...))
		},
	})
}

// dialled makes connections to coordinators that die, too.
func (m *mortal) dialled() []grpc.DialOption {
	writes := map[string]bool{
		apiv1.ExperimentService_CancelExperiment_FullMethodName: true, apiv1.WorkerService_SetWorkerMode_FullMethodName: true, apiv1.WorkerService_RemoveWorker_FullMethodName: true,
		apiv1.ClusterService_RemoveMember_FullMethodName: true, apiv1.ClusterService_TransferLeadership_FullMethodName: true, apiv1.ClusterService_RaiseLevel_FullMethodName: true,
		apiv1.ClusterService_SetProject_FullMethodName: true,
	}
	return []grpc.DialOption{
		grpc.WithUnaryInterceptor(func(ctx context.Context, method string, req, reply any, cc *grpc.ClientConn, invoke grpc.UnaryInvoker, opts ...grpc.CallOption) error {
			if err := m.alive(); err != nil {
				return err
			}
			err := invoke(ctx, method, req, reply, cc, opts...)
			if writes[method] {
				return m.wrote(err)
			}
			return err
		}),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, open grpc.Streamer, opts ...grpc.CallOption) (grpc.ClientStream, error) {
			if err := m.alive(); err != nil {
				return nil, err
			}
			s, err := open(ctx, desc, cc, method, opts...)
			if err == nil && method == apiv1.ExperimentService_Submit_FullMethodName {
				s = &mortalStream{s, m}
			}
			return s, err
		}),
	}
}

type mortalStream struct {
	grpc.ClientStream
	m *mortal
}

func (s *mortalStream) RecvMsg(msg any) error { return s.m.wrote(s.ClientStream.RecvMsg(msg)) }

// outcome is what an Experiment has come to, without what differs from one resource to the
// next.
func outcome(w *world, e *v1alpha1.Experiment) string {
	got := w.get(e)
	s := got.Status
	s.RequestID, s.ExperimentID, s.Waiting = "", "", ""
	for i := range s.Conditions {
		s.Conditions[i].LastTransitionTime = metav1.Time{}
		s.Conditions[i].Message = ""
	}
	text, err := json.Marshal([]any{s, got.Finalizers, len(w.pods(e.Name))})
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

// An operator that is killed behind any of its writes, and begun again, ends where one ends
// that lived on: one experiment, the same status, no pod too many; and when the resource is
// deleted, nothing is left.
func TestAnOperatorKilledBehindEveryWrite(t *testing.T) {
	w := newWorld(t)
	want := ""
	for kill := -1; ; kill++ {
		e := w.experiment("e"+string(rune('b'+kill)), tiny(t))
		e.Spec.Workers = &v1alpha1.Workers{Min: 2, Max: 3, Device: "cpu", Slots: 1}
		w.create(e)
		before := len(w.experiments())
		m := &mortal{left: kill}
		outlived := w.live(m, e)
		if n := len(w.experiments()) - before; n != 1 {
			t.Fatalf("killed behind write %d: %d experiments were submitted", kill, n)
		}
		if got := outcome(w, e); want == "" {
			want = got
		} else if got != want {
			t.Errorf("killed behind write %d:\n got %s\nwant %s", kill, got, want)
		}
		if err := w.admin.Delete(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		again := &mortal{left: kill}
		end := w.live(again, e)
		w.isGone(e)
		for _, x := range w.experiments() {
			if x.State != apiv1.ExperimentState_EXPERIMENT_STATE_CANCELLED {
				t.Errorf("killed behind write %d: %s is %v", kill, x.Id, x.State)
			}
		}
		if kill >= 0 && outlived && end {
			if kill < 6 {
				t.Fatalf("only %d writes: the fault points are not on the way", kill)
			}
			return
		}
	}
}

// live runs an operator until it is killed, and then another until nothing changes; it says
// whether the first one outlived everything.
func (w *world) live(m *mortal, e *v1alpha1.Experiment) bool {
	w.t.Helper()
	w.dialed = m.dialled()
	r, _ := w.operatorOver(m.over(w.admin))
	const passes = 3
	for range passes {
		if _, err := r.Reconcile(w.t.Context(), request(e)); err != nil {
			break
		}
	}
	w.dialed = nil
	if !m.dead {
		return true
	}
	for range passes {
		if err := w.look(e); err != nil {
			w.t.Fatal(err)
		}
	}
	return false
}

// Once nothing changes nothing is written, to nobody.
func TestStatusSettles(t *testing.T) {
	w := newWorld(t)
	e := w.experiment("e", tiny(t))
	e.Spec.Workers = &v1alpha1.Workers{Min: 1, Max: 2, Device: "cpu", Slots: 1}
	bad := w.experiment("bad", "nothing: here\n")
	pool := w.pool("p", 1, 2)
	w.create(e)
	w.create(bad)
	w.create(pool)
	m := &mortal{left: -1}
	w.dialed = m.dialled()
	experiments, pools := w.operatorOver(m.over(w.admin))
	pass := func() {
		t.Helper()
		for _, x := range []*v1alpha1.Experiment{e, bad} {
			if _, err := experiments.Reconcile(t.Context(), request(x)); err != nil {
				t.Fatal(err)
			}
		}
		w.planned()
		if _, err := pools.Reconcile(t.Context(), request(pool)); err != nil {
			t.Fatal(err)
		}
	}
	for m.writes = 1; m.writes > 0; { // until a pass writes nothing
		m.writes = 0
		pass()
	}
	for range 5 {
		pass()
	}
	if m.writes != 0 {
		t.Errorf("%d writes though nothing changed", m.writes)
	}
}
