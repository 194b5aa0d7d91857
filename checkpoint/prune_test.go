package checkpoint_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
)

// watched is a store that counts the manifests of others that are read.
type watched struct {
	*filestore.Store
	others atomic.Int32
}

func (w *watched) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	if strings.HasPrefix(key, "manifests/") && !strings.HasPrefix(key, "manifests/"+task) {
		w.others.Add(1)
	}
	return w.Store.Get(ctx, key)
}

func watch(t testing.TB, dir string) (*checkpoint.Repo, *watched) {
	t.Helper()
	s, err := filestore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{Store: s}
	return checkpoint.New(w), w
}

// trainOn saves steps of a task, from a state that is the task's own, and prunes after each.
func trainOn(t testing.TB, repo *checkpoint.Repo, key string, from, to int64, keep int) {
	t.Helper()
	state := make([]float32, stateFloats)
	for step := int64(1); step <= to; step++ {
		advance(state)
		state[0] += float32(key[0]) // no other task's bits
		if step < from {
			continue
		}
		s, err := snapshot(key, state, step, false)
		if err == nil {
			_, err = repo.Save(t.Context(), s)
		}
		if err == nil {
			_, err = repo.Prune(t.Context(), key, checkpoint.Policy{Keep: keep}, nil)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

func whole(t *testing.T, repo *checkpoint.Repo, manifests int) {
	t.Helper()
	audit, err := repo.Verify(t.Context(), nil)
	if err != nil || len(audit.Damages) > 0 || len(audit.Unnamed) > 0 || audit.Manifests != manifests {
		t.Errorf("%d manifests, damages %v, unnamed %v, %v; want %d", audit.Manifests, audit.Damages, audit.Unnamed, err, manifests)
	}
}

// A task that saves and thins out what it made itself reads no manifest of another; what
// a process before it made, it looks up once.
func TestASaveReadsItsOwnTask(t *testing.T) {
	dir := t.TempDir()
	repo, store := watch(t, dir)
	for _, other := range []string{"b", "c", "d"} {
		trainOn(t, repo, taskKey(other), 1, 2, 2)
	}
	store.others.Store(0)
	trainOn(t, repo, task, 1, 6, 2)
	if n := store.others.Load(); n > 0 {
		t.Errorf("%d manifests of other tasks were read", n)
	}
	whole(t, repo, 3*2+2)
	again, store := watch(t, dir)
	trainOn(t, again, task, 7, 8, 2) // what 5 and 6 left is another process's
	asked := store.others.Load()
	trainOn(t, again, task, 9, 12, 2)
	if asked == 0 || store.others.Load() != asked {
		t.Errorf("%d manifests of other tasks were read, then %d more", asked, store.others.Load()-asked)
	}
	whole(t, again, 3*2+2)
}

// Weights that do not change from epoch to epoch stay a task's own.
func TestUnchangedWeightsStayOwn(t *testing.T) {
	repo, watched := watch(t, t.TempDir())
	for step := int64(1); step <= 5; step++ {
		s, err := snapshot(task, make([]float32, stateFloats), step, false)
		if err != nil {
			t.Fatal(err)
		}
		s.Payloads["note"] = strings.NewReader(fmt.Sprint(step))
		if step == 5 {
			delete(s.Payloads, checkpoint.Weights)
			delete(s.Payloads, checkpoint.Resume)
		}
		mustSave(t, repo, s)
		if _, err := repo.Prune(t.Context(), task, checkpoint.Policy{Keep: 1}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if n := countObjects(t, repo, "objects/"); n != 1 || watched.others.Load() > 0 {
		t.Errorf("%d objects, %d manifests of others were read", n, watched.others.Load())
	}
}

// Tasks that make equal bits share objects: whoever made them first leaves them to the
// other, in one process and in two.
func TestPruneLeavesWhatAnotherMadeToo(t *testing.T) {
	for _, processes := range []int{1, 2} {
		dir := t.TempDir()
		first := openRepo(t, dir)
		second := first
		if processes == 2 {
			second = openRepo(t, dir)
		}
		mustTrain(t, first, task, 3)
		mustTrain(t, second, taskKey("b"), 2) // the bits of a's first two steps
		if _, err := first.Prune(t.Context(), task, checkpoint.Policy{Keep: 1}, nil); err != nil {
			t.Fatal(err)
		}
		whole(t, first, 1+2)
		if _, err := second.Prune(t.Context(), taskKey("b"), checkpoint.Policy{Keep: 1}, nil); err != nil {
			t.Fatal(err)
		}
		whole(t, first, 1+1)
	}
}

// A collection in one process spares nothing, and waits while another saves: nothing that
// is about to be named goes.
func TestGCWhileAnotherProcessTrains(t *testing.T) {
	dir := t.TempDir()
	trainer, cleaner := openRepo(t, dir), openRepo(t, dir)
	ctx, stop := context.WithCancel(t.Context())
	ended, began := make(chan error, 1), make(chan struct{})
	go func() {
		rounds := 0
		for ctx.Err() == nil {
			err := cleaner.GC(ctx, checkpoint.Policy{Keep: 1}, time.Now(), checkpoint.Judge{}, func(checkpoint.Plan) error { return nil })
			if err != nil && ctx.Err() == nil {
				ended <- err
				return
			}
			if rounds++; rounds == 1 {
				close(began)
			}
		}
		ended <- nil
	}()
	<-began
	const last = 40
	if err := train(t.Context(), trainer, task, last, func(int64) {}); err != nil {
		t.Error(err)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	mustFinish(t, trainer, last, "beside a collection")
	audit, err := trainer.Verify(t.Context(), nil)
	if err != nil || len(audit.Damages) > 0 {
		t.Errorf("%v, %v", audit.Damages, err)
	}
}

// A task that nobody wants goes with its records, finished or not, unless it runs; the
// best checkpoint that training recorded stays.
func TestGCOfUnwantedTasksAndTheBest(t *testing.T) {
	dir := t.TempDir()
	repo := openRepo(t, dir)
	b, c := taskKey("b"), taskKey("c")
	for _, key := range []string{task, b, c} {
		mustTrain(t, repo, key, 3)
		if err := repo.PutRecord(t.Context(), key, "timing", 1); err != nil {
			t.Fatal(err)
		}
	}
	d := taskKey("d")
	for step := int64(1); step <= 5; step++ {
		s, err := snapshot(d, make([]float32, stateFloats), step, false)
		if err != nil {
			t.Fatal(err)
		}
		mustSave(t, repo, s)
	}
	best := func(m checkpoint.Manifest) (float64, bool) { return 1, m.Step == 2 }
	if _, err := repo.Prune(t.Context(), d, checkpoint.Policy{Keep: 4, KeepBest: true}, best); err != nil {
		t.Fatal(err)
	}
	later := time.Now().Add(2 * day)
	judge := checkpoint.Judge{
		Unwanted: func(key string) bool { return key == b || key == c },
		Running:  func(key string) bool { return key == c },
	}
	stop := errors.New("no")
	show := func(p checkpoint.Plan) error { return stop }
	if err := repo.GC(t.Context(), checkpoint.DefaultPolicy(), later, judge, show); !errors.Is(err, stop) || countObjects(t, repo, "manifests/"+b) != 3 {
		t.Errorf("deleted without consent: %v", err)
	}
	show = func(checkpoint.Plan) error { return nil }
	if err := repo.GC(t.Context(), checkpoint.DefaultPolicy(), later, judge, show); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]int{"manifests/" + task: 2, "manifests/" + b: 0, "records/" + b: 0, "manifests/" + c: 3, "records/" + c: 1, "manifests/" + d: 3} {
		if got := countObjects(t, repo, key); got != want {
			t.Errorf("%d of %.20s left, want %d", got, key, want)
		}
	}
	if _, err := repo.Manifest(t.Context(), d, 2); err != nil {
		t.Errorf("the best: %v", err)
	}
	audit, err := repo.Verify(t.Context(), nil)
	if err != nil || len(audit.Damages) > 0 || len(audit.Unnamed) > 0 {
		t.Errorf("%+v, %v", audit, err)
	}
}

// Two processes cannot have one task, and each can have another.
func TestTasksAreLockedOneByOne(t *testing.T) {
	dir := t.TempDir()
	a, b := openRepo(t, dir), openRepo(t, dir)
	release, err := a.LockTask(t.Context(), task, false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.LockTask(t.Context(), task, false); !errors.Is(err, store.ErrLocked) {
		t.Errorf("the same task: %v", err)
	}
	if who, running, err := b.Running(task); err != nil || !running || !strings.HasPrefix(who, "process ") {
		t.Errorf("running %v by %q, %v", running, who, err)
	}
	other, err := b.LockTask(t.Context(), taskKey("b"), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(release(), other()); err != nil {
		t.Error(err)
	}
	if who, running, err := b.Running(task); err != nil || running {
		t.Errorf("running by %q, %v", who, err)
	}
}

// BenchmarkSave is a checkpoint of one task, with what it thins out, among many others.
func BenchmarkSave(b *testing.B) {
	for _, others := range []int{0, 3000} {
		b.Run(fmt.Sprint(others), func(b *testing.B) {
			repo, _ := watch(b, b.TempDir())
			for i := range others {
				s, err := snapshot(fmt.Sprintf("%064x", i), []float32{1, 2}, 1, false)
				if err == nil {
					_, err = repo.Save(b.Context(), s)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
			state := make([]float32, stateFloats)
			b.ResetTimer()
			for i := range b.N {
				advance(state)
				state[0] = float32(i)
				s, err := snapshot(task, state, int64(i+1), false)
				if err == nil {
					_, err = repo.Save(b.Context(), s)
				}
				if err == nil {
					_, err = repo.Prune(b.Context(), task, checkpoint.Policy{Keep: 2}, nil)
				}
				if err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
