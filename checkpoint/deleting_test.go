package checkpoint_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
	"g2c/internal/clock"
)

// lockless is a store without locks, as a bucket is one, that tells of each call before it
// is made. All that happens in it happens within a second: puts of equal bytes have one version.
type lockless struct {
	under store.Store
	tell  func()
}

func (l *lockless) Get(ctx context.Context, key string) (io.ReadCloser, error) {
	l.tell()
	return l.under.Get(ctx, key)
}

func (l *lockless) GetRange(ctx context.Context, key string, offset, length int64) (io.ReadCloser, error) {
	l.tell()
	return l.under.GetRange(ctx, key, offset, length)
}

func (l *lockless) Stat(ctx context.Context, key string) (store.Info, error) {
	l.tell()
	info, err := l.under.Stat(ctx, key)
	info.Version = "of this second"
	return info, err
}

func (l *lockless) List(ctx context.Context, prefix string) ([]store.Info, error) {
	l.tell()
	infos, err := l.under.List(ctx, prefix)
	for i := range infos {
		infos[i].Version = "of this second"
	}
	return infos, err
}

func (l *lockless) Put(ctx context.Context, key string, body store.Body) error {
	l.tell()
	return l.under.Put(ctx, key, body)
}

func (l *lockless) PutIfAbsent(ctx context.Context, key string, body store.Body) (bool, error) {
	l.tell()
	return l.under.PutIfAbsent(ctx, key, body)
}

func (l *lockless) Delete(ctx context.Context, key string) error {
	l.tell()
	return l.under.Delete(ctx, key)
}

// once runs something before the n-th call, and says whether there was one.
func once(n int32, do func()) (tell func(), reached func() bool) {
	var calls atomic.Int32
	return func() {
		if calls.Add(1) == n {
			do()
		}
	}, func() bool { return calls.Load() >= n }
}

func nothing() {}

// bucketOf is a lockless view of a folder.
func bucketOf(t testing.TB, dir string, tell func()) store.Store {
	t.Helper()
	s, err := filestore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return &lockless{s, tell}
}

// newest is the step that the scenes below save, whose objects are there already: a saver
// that was killed left them.
const newest = 4

// littered makes a store of three checkpoints, and the objects of a fourth.
func littered(t *testing.T) (dir string, steps [newest + 1]checkpoint.Snapshot) {
	t.Helper()
	dir = t.TempDir()
	repo := checkpoint.New(bucketOf(t, dir, nothing))
	mustTrain(t, repo, taskKey("b"), newest) // the bits of the other task's steps
	state := make([]float32, stateFloats)
	for step := int64(1); step <= newest; step++ {
		advance(state)
		s, err := snapshot(task, slices.Clone(state), step, false)
		if err != nil {
			t.Fatal(err)
		}
		if step < newest {
			mustSave(t, repo, s)
		}
		steps[step] = s
	}
	if err := deleteAll(t, repo, "manifests/"+taskKey("b")); err != nil {
		t.Fatal(err)
	}
	return dir, steps
}

func deleteAll(t *testing.T, repo *checkpoint.Repo, prefix string) error {
	t.Helper()
	infos, err := repo.Store().List(t.Context(), prefix)
	for i := 0; i < len(infos) && err == nil; i++ {
		err = repo.Store().Delete(t.Context(), infos[i].Key)
	}
	return err
}

func collect(ctx context.Context, repo *checkpoint.Repo) error {
	return repo.GC(ctx, checkpoint.Policy{Keep: 1}, time.Now(), checkpoint.Judge{}, func(checkpoint.Plan) error { return nil })
}

// keeps holds that the newest checkpoint is there if it was saved, that everything is whole,
// and that nobody's notice is left.
func keeps(t *testing.T, dir string, n int32, step int64) {
	t.Helper()
	repo := checkpoint.New(bucketOf(t, dir, nothing))
	audit, err := repo.Verify(t.Context(), nil)
	if err != nil || len(audit.Damages) > 0 {
		t.Errorf("call %d: damages %v, %v", n, audit.Damages, err)
	}
	if _, err := repo.Manifest(t.Context(), task, newest); step == newest && err != nil { // an old one may go again
		t.Errorf("call %d: %v", n, err)
	}
	if left := countObjects(t, repo, "deleting/") + countObjects(t, repo, "saving/"); left > 0 {
		t.Errorf("call %d: %d notices are left", n, left)
	}
}

// A collection that spares nothing stops before each of its calls in turn, while another
// process saves what the collection is about to delete: what is saved stays.
func TestADeleterThatStopsAnywhereTakesNothing(t *testing.T) {
	for _, c := range []struct {
		step int64 // that is saved
		keys int   // in a notice
	}{{newest, 1000}, {1, 1000}, {1, 1}} {
		t.Run(fmt.Sprintf("step %d, %d keys", c.step, c.keys), func(t *testing.T) {
			defer checkpoint.SetNoticeKeys(c.keys)()
			stopDeleter(t, c.step)
		})
	}
}

func stopDeleter(t *testing.T, step int64) {
	waited := false
	for n := int32(1); ; n++ {
		dir, steps := littered(t)
		fake := clock.NewFake(time.Unix(0, 0))
		saver := checkpoint.NewAt(bucketOf(t, dir, nothing), fake)
		saved := make(chan error, 1)
		// The saver runs until it has saved, or waits for the deleter.
		tell, reached := once(n, func() {
			go func() { _, err := saver.Save(t.Context(), steps[step]); saved <- err }()
			for {
				sleeping, more := fake.Waiters()
				if sleeping > 0 {
					waited = true
					return
				}
				select {
				case <-more:
				case err := <-saved:
					saved <- err
					return
				}
			}
		})
		if err := collect(t.Context(), checkpoint.New(bucketOf(t, dir, tell))); err != nil {
			t.Fatal(err)
		}
		if !reached() {
			break
		}
		if err := awake(fake, saved); err != nil {
			t.Errorf("call %d: %v", n, err)
		}
		keeps(t, dir, n, step)
	}
	if !waited {
		t.Error("no saver ever waited: the scene shows nothing")
	}
}

// awake moves a clock on until what waits by it has ended.
func awake(fake *clock.Fake, ended chan error) error {
	for {
		sleeping, more := fake.Waiters()
		if sleeping > 0 {
			fake.Advance(time.Second)
			continue
		}
		select {
		case <-more:
		case err := <-ended:
			return err
		}
	}
}

// A saver stops before each of its calls in turn, while two collections run to their end.
func TestASaverThatStopsAnywhereLosesNothing(t *testing.T) {
	for _, step := range []int64{newest, 1} {
		stopSaver(t, step)
	}
}

func stopSaver(t *testing.T, step int64) {
	for n := int32(1); ; n++ {
		dir, steps := littered(t)
		tell, reached := once(n, func() {
			for range 2 {
				if err := collect(t.Context(), checkpoint.New(bucketOf(t, dir, nothing))); err != nil {
					t.Error(err)
				}
			}
		})
		if _, err := checkpoint.New(bucketOf(t, dir, tell)).Save(t.Context(), steps[step]); err != nil {
			t.Fatal(err)
		}
		if !reached() {
			break
		}
		keeps(t, dir, n, step)
	}
}

// The notice of a deleter that was killed is waited for until nothing that it sent can
// arrive any more, by those whose keys it names alone; a collection clears it away a day later.
func TestADeadNotice(t *testing.T) {
	dir, steps := littered(t)
	fourth := steps[newest]
	repo := checkpoint.New(bucketOf(t, dir, nothing))
	names := func(key string) {
		if err := repo.Store().Put(t.Context(), "deleting/dead.json", strings.NewReader(`{"keys":["`+key+`"]}`)); err != nil {
			t.Fatal(err)
		}
	}
	names("objects/" + strings.Repeat("0", 64))
	mustSave(t, repo, fourth)
	names("manifests/" + task + "/000000004.json")
	fake := clock.NewFake(time.Unix(0, 0))
	saved := make(chan error, 1)
	go func() {
		_, err := checkpoint.NewAt(bucketOf(t, dir, nothing), fake).Save(t.Context(), fourth)
		saved <- err
	}()
	if err := awake(fake, saved); err != nil {
		t.Error(err)
	}
	if got := fake.Now().Sub(time.Unix(0, 0)); got < 20*time.Minute || got > 21*time.Minute {
		t.Errorf("waited %v", got)
	}
	keeps(t, dir, 0, newest)
	names("objects/none")
	for age, want := range map[time.Duration]int{time.Hour: 1, 25 * time.Hour: 0} {
		if err := repo.GC(t.Context(), checkpoint.DefaultPolicy(), time.Now().Add(age), checkpoint.Judge{}, func(checkpoint.Plan) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if got := countObjects(t, repo, "deleting/"); got != want && age > 24*time.Hour {
			t.Errorf("%d notices after %s", got, age)
		}
	}
}

// A deleter that is stopped while a request is under way leaves its notice: nobody knows
// whether that has arrived.
func TestAStoppedDeleterLeavesItsNotice(t *testing.T) {
	dir, _ := littered(t)
	ctx, cancel := context.WithCancel(t.Context())
	repo := checkpoint.New(&stopping{bucketOf(t, dir, nothing), cancel})
	if err := collect(ctx, repo); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if n := countObjects(t, repo, "deleting/"); n != 1 {
		t.Errorf("%d notices, want one", n)
	}
}

// stopping is a store in which whoever deletes is stopped.
type stopping struct {
	store.Store
	stop func()
}

func (s *stopping) Delete(ctx context.Context, key string) error {
	s.stop()
	return ctx.Err()
}

// In a store without locks a task thins out its checkpoints, and leaves what another names.
func TestPruneWithoutLocks(t *testing.T) {
	dir := t.TempDir()
	first, second := checkpoint.New(bucketOf(t, dir, nothing)), checkpoint.New(bucketOf(t, dir, nothing))
	mustTrain(t, first, task, 3)
	mustTrain(t, second, taskKey("b"), 2)
	if _, err := first.Prune(t.Context(), task, checkpoint.Policy{Keep: 1}, nil); err != nil {
		t.Fatal(err)
	}
	whole(t, first, 1+2)
	if _, err := second.Prune(t.Context(), taskKey("b"), checkpoint.Policy{Keep: 1}, nil); err != nil {
		t.Fatal(err)
	}
	whole(t, first, 1+1)
	trainOn(t, first, taskKey("c"), 1, 6, 2)
	whole(t, first, 1+1+2)
}

func FuzzNotice(f *testing.F) {
	f.Add([]byte(`{"keys":["objects/a"]}`))
	f.Add([]byte(`{"keys":["../a"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		keys, err := checkpoint.NoticeKeys(data)
		for _, key := range keys {
			if err == nil && store.CheckKey(key) != nil {
				t.Errorf("%q", key)
			}
		}
	})
}
