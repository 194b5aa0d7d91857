package checkpoint_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
	"g2c/checkpoint/storetest"
)

// buffers is one set of a trainer's host buffers.
type buffers struct {
	state []float32
	step  int64
}

// gate holds a save back until it is told to go on.
type gate struct {
	store.Store
	arrived, proceed chan struct{}
}

func (g *gate) Put(ctx context.Context, key string, body store.Body) error {
	if key[:8] == "objects/" {
		g.arrived <- struct{}{}
		<-g.proceed
	}
	return g.Store.Put(ctx, key, body)
}

func newSaver(repo *checkpoint.Repo, opts checkpoint.SaverOptions[*buffers]) *checkpoint.Saver[*buffers] {
	opts.Snapshot = func(b *buffers) (checkpoint.Snapshot, error) { return snapshot(task, b.state, b.step, false) }
	set := func() *buffers { return &buffers{state: make([]float32, stateFloats)} }
	return checkpoint.NewSaver(repo, [2]*buffers{set(), set()}, opts)
}

func openFiles(t *testing.T) *filestore.Store {
	t.Helper()
	s, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill copies a live state to the free set and hands it over.
func fill(t *testing.T, s *checkpoint.Saver[*buffers], live []float32, step int64) error {
	free := s.Free()
	copy(free.state, live)
	free.step = step
	return s.Begin(t.Context())
}

func TestSaverWritesTheStateOfItsStep(t *testing.T) {
	files := openFiles(t)
	g := &gate{files, make(chan struct{}), make(chan struct{})}
	var saved []int64
	repo := checkpoint.New(g)
	s := newSaver(repo, checkpoint.SaverOptions[*buffers]{Saved: func(_ context.Context, m checkpoint.Manifest) error {
		saved = append(saved, m.Step)
		return nil
	}})
	live := make([]float32, stateFloats)
	const last = 4
	for step := int64(1); step <= last; step++ {
		advance(live)
		if err := fill(t, s, live, step); err != nil {
			t.Fatal(err)
		}
		<-g.arrived // the save has begun and stands still
		want := s.Free()
		// Training goes on over the live state and the free set alone.
		for i := range live {
			want.state[i] = -1
		}
		if s.Free() != want {
			t.Error("Free changes its mind")
		}
		g.proceed <- struct{}{}
		<-g.arrived
		g.proceed <- struct{}{}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if len(saved) != last || saved[last-1] != last || s.Stats().Saves != last {
		t.Errorf("saved %v, stats %+v", saved, s.Stats())
	}
	clean := checkpoint.New(files)
	m, damages, err := clean.Latest(t.Context(), task)
	if err != nil || m == nil || len(damages) > 0 || m.Step != last || m.WeightsSHA256() != undisturbed(t, last) {
		t.Errorf("%v, %v, %v", m, damages, err)
	}
}

func TestSaverLosesNoError(t *testing.T) {
	for name, next := range map[string]func(s *checkpoint.Saver[*buffers]) error{
		"Begin": func(s *checkpoint.Saver[*buffers]) error { return s.Begin(t.Context()) },
		"Wait":  func(s *checkpoint.Saver[*buffers]) error { return s.Wait() },
		"Close": func(s *checkpoint.Saver[*buffers]) error { return s.Close() },
	} {
		faulty := storetest.NewFaulty(openFiles(t))
		repo := checkpoint.New(faulty)
		s := newSaver(repo, checkpoint.SaverOptions[*buffers]{})
		live := make([]float32, stateFloats)
		if err := errors.Join(fill(t, s, live, 1), s.Wait()); err != nil {
			t.Fatal(err)
		}
		faulty.Full("objects/")
		advance(live)
		if err := fill(t, s, live, 2); err != nil {
			t.Fatal(err)
		}
		if err := next(s); !errors.Is(err, store.ErrFull) {
			t.Errorf("%s: %v", name, err)
		}
		if step, damages := latestStep(t, repo); step != 1 || len(damages) > 0 {
			t.Errorf("%s: step %d, damages %v", name, step, damages)
		}
		if name == "Close" {
			continue
		}
		// The error is told once, and the Saver works on.
		if err := errors.Join(fill(t, s, live, 2), s.Close()); err != nil {
			t.Errorf("%s: afterwards: %v", name, err)
		}
		if step, _ := latestStep(t, repo); step != 2 {
			t.Errorf("%s: afterwards step %d", name, step)
		}
	}
}

func TestSaverReportsTheCallersErrors(t *testing.T) {
	boom := errors.New("boom")
	repo := checkpoint.New(openFiles(t))
	s := newSaver(repo, checkpoint.SaverOptions[*buffers]{Saved: func(context.Context, checkpoint.Manifest) error { return boom }})
	if err := errors.Join(fill(t, s, nil, 1), s.Close()); !errors.Is(err, boom) {
		t.Errorf("Saved: %v", err)
	}
	bad := checkpoint.NewSaver(repo, [2]int{}, checkpoint.SaverOptions[int]{Snapshot: func(int) (checkpoint.Snapshot, error) { return checkpoint.Snapshot{}, boom }})
	if err := errors.Join(bad.Begin(t.Context()), bad.Close()); !errors.Is(err, boom) {
		t.Errorf("Snapshot: %v", err)
	}
}

// TestSaverCountsStallsOnly lets a clock run by a second a call: the stall is
// from Free to Begin, not the time in between.
func TestSaverCountsStallsOnly(t *testing.T) {
	now := time.Unix(0, 0)
	s := newSaver(checkpoint.New(openFiles(t)), checkpoint.SaverOptions[*buffers]{Now: func() time.Time { return now }})
	copied := func(step int64, took time.Duration) {
		t.Helper()
		s.Free()
		now = now.Add(took)
		if err := fill(t, s, nil, step); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour) // training
	}
	copied(1, time.Second)
	copied(2, 2*time.Second)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := s.Stats(); got.Stall != 3*time.Second || got.Saves != 2 {
		t.Errorf("%+v", got)
	}
}

// TestBeginDoesNotWaitForItsOwnSave would hang if it did: the save stands
// still until Begin has returned.
func TestBeginDoesNotWaitForItsOwnSave(t *testing.T) {
	g := &gate{openFiles(t), make(chan struct{}), make(chan struct{})}
	s := newSaver(checkpoint.New(g), checkpoint.SaverOptions[*buffers]{})
	live := make([]float32, stateFloats)
	if err := fill(t, s, live, 1); err != nil {
		t.Fatal(err)
	}
	<-g.arrived
	began := make(chan error)
	go func() { began <- fill(t, s, live, 2) }()
	select {
	case err := <-began:
		t.Errorf("the second Begin did not wait for the first save: %v", err)
	default:
	}
	go func() {
		g.proceed <- struct{}{}
		for range 3 { // the other payload, and both of the second save
			<-g.arrived
			g.proceed <- struct{}{}
		}
	}()
	if err := <-began; err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
