package train

import (
	"context"
	"errors"
	"maps"
	"slices"
	"testing"

	"g2c/api"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/allreduce"
	"g2c/worker/gang"
)

// script is a gang whose meetings come to what it says, one after another.
type script struct {
	changed  func() bool
	meetings []func(ctx context.Context, step int64) (*gang.Meeting, error)
	broken   []error
	stood    []int64
	coming   []int
	waits    []waiting
}

// waiting is of a member that was waited for.
type waiting struct {
	place int
	share float64
}

func (s *script) Changed() bool                     { return s.changed() }
func (s *script) Coming() ([]int, int)              { return s.coming, 0 }
func (s *script) Broken(_ *gang.Meeting, err error) { s.broken = append(s.broken, err) }

func (s *script) Waits(_ *gang.Meeting, place int, share float64) {
	s.waits = append(s.waits, waiting{place, share})
}

func (s *script) Meet(ctx context.Context, step int64) (*gang.Meeting, error) {
	s.stood = append(s.stood, step)
	next := s.meetings[0]
	s.meetings = s.meetings[1:]
	return next(ctx, step)
}

// aloneAt is a meeting of nobody else.
func aloneAt(_ context.Context, step int64) (*gang.Meeting, error) {
	return &gang.Meeting{Generation: 1, Names: []string{"a"}, Slots: []int{1}, Step: step}, nil
}

// parted is a gang of two whose links never come about.
type parted struct{}

func (parted) Session() allreduce.Session                      { return allreduce.Session{} }
func (parted) Offer(store.Body)                                {}
func (parted) Fetch(context.Context) ([]byte, error)           { return nil, errors.New("nobody is behind") }
func (parted) Links(context.Context) ([]allreduce.Link, error) { return nil, gang.ErrOver }
func (parted) Done()                                           {}

// A task that is asked to save between two meetings, its programs unloaded already, saves
// the step where it stands.
func TestSavedBetweenMeetings(t *testing.T) {
	d := device(t)
	task, set := tuning(d, 2)
	task.Finetune.Stains, task.Finetune.Generators, task.Finetune.Generator, task.Finetune.FrozenEpochs = nil, nil, nil, 0
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	steps := int64(0)
	s := &script{}
	s.changed = func() bool { return steps == 3 && len(s.stood) == 1 }
	s.meetings = []func(context.Context, int64) (*gang.Meeting, error){
		aloneAt,
		func(_ context.Context, step int64) (*gang.Meeting, error) {
			return &gang.Meeting{Generation: 2, Names: []string{"a", "b"}, Slots: []int{1, 1}, Step: step, With: parted{}}, nil
		},
		func(context.Context, int64) (*gang.Meeting, error) {
			stop()
			return nil, context.Canceled
		},
	}
	repo := openRepo(t, t.TempDir(), filestore.OSDisk{})
	began := []uint64{}
	_, err := Finetune(ctx, task, set, nil, Options{
		Device: d, Repo: repo, Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2}, Gang: s, Progress: func(p Progress) { steps = p.Step }, Began: func(g uint64) { began = append(began, g) },
		Resize: func(slots int) ([]kernels.Device, error) { return []kernels.Device{d}, nil },
	})
	if !errors.Is(err, fault.ErrInterrupted) {
		t.Fatalf("it ended with %v", err)
	}
	if len(s.stood) != 3 || s.stood[1] != 3 || s.stood[2] != 3 || len(began) != 1 || len(s.broken) != 1 || !errors.Is(s.broken[0], gang.ErrOver) {
		t.Errorf("it stood at %v, trained as %v, and broke with %v", s.stood, began, s.broken)
	}
	m, damage, err := repo.Latest(t.Context(), task.Key().String())
	if err != nil || len(damage) > 0 || m == nil || m.Step != 3 {
		t.Fatalf("saved %+v, %v, %v", m, damage, err)
	}
	// From there it goes on to the bits of a run that nobody disturbed.
	finish := func(where *script, dir string) string {
		r := repo
		if where == nil {
			r = openRepo(t, dir, filestore.OSDisk{})
		}
		m, err := Finetune(t.Context(), task, set, nil, Options{Device: d, Repo: r, Checkpoint: api.Checkpoint{EveryEpochs: 1, Keep: 2}})
		if err != nil {
			t.Fatal(err)
		}
		return m.Payloads["weights"].SHA256
	}
	if got, want := finish(s, ""), finish(nil, t.TempDir()); got != want {
		t.Errorf("weights %s, want %s", got, want)
	}
}

// Programs of the shares that a gang to come will have are built before it meets, each
// length once, and those of other gangs stay.
func TestProgramsArePrepared(t *testing.T) {
	d := device(t)
	task, set := tuning(d, 2)
	task.Finetune.Stains, task.Finetune.Generators, task.Finetune.Generator = nil, nil, nil
	task.Finetune.Batch, task.Finetune.Shards = 8, 8
	s := &script{}
	f, err := newFinetuner(t.Context(), task, set, nil, Options{Device: d, Repo: openRepo(t, t.TempDir(), filestore.OSDisk{}), Gang: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.close(nil); err != nil {
			t.Error(err)
		}
	})
	for _, c := range []struct{ coming, lengths []int }{
		{[]int{1}, []int{8}},
		{[]int{1, 1}, []int{4, 8}},
		{[]int{1, 1, 1}, []int{1, 2, 4, 8}}, // the first of three has three shards
		{[]int{1, 1}, []int{1, 2, 4, 8}},
	} {
		s.coming = c.coming
		f.prepare()
		if got := slices.Sorted(maps.Keys(f.models.by)); !slices.Equal(got, c.lengths) {
			t.Errorf("for a gang of %v there are programs of %v shards, want %v", c.coming, got, c.lengths)
		}
	}
	one, err := f.models.of(4)
	if err != nil || one.Config.Own != 4 {
		t.Fatalf("%v, of %d shards", err, one.Config.Own)
	}
	if again, _ := f.models.of(4); again != one {
		t.Error("it was built twice")
	}
}
