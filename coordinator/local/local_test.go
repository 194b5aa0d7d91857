package local

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"

	"g2c/api"
	"g2c/internal/fault"
)

// fake runs tasks by answering from a script.
type fake struct {
	mu     sync.Mutex
	ran    []string
	answer func(ctx context.Context, name string, attempt int) error
}

func (f *fake) ID() string    { return "fake" }
func (f *fake) Class() string { return api.ClassCPU }
func (f *fake) Slots() int    { return 2 }

func (f *fake) Run(ctx context.Context, w api.Work, _ int) error {
	f.mu.Lock()
	f.ran = append(f.ran, w.Name())
	attempt := 0
	for _, n := range f.ran {
		if n == w.Name() {
			attempt++
		}
	}
	f.mu.Unlock()
	if f.answer == nil {
		return nil
	}
	return f.answer(ctx, w.Name(), attempt)
}

func pretrain(stain string) api.Work {
	t := api.PretrainTask(api.ClassCPU, api.Pretrain{Stain: stain})
	return api.Work{Key: t.Key(), Names: []string{stain}, Task: t, Gang: api.Gang{Min: 1, Max: 1}}
}

func finetune(name string, in ...api.Work) api.Work {
	f := api.Finetune{Origin: api.Origin{Source: name}}
	for _, g := range in {
		f.Generators = append(f.Generators, g.Key)
	}
	t := api.FinetuneTask(api.ClassCPU, f)
	return api.Work{Key: t.Key(), Names: []string{name}, Task: t, Gang: api.Gang{Min: 1, Max: 1}}
}

func run(ctx context.Context, f *fake, done []api.Work, works ...api.Work) error {
	return Run(ctx, Options{
		Experiment: "e", Works: works, Workers: []Worker{f},
		Finished: func(_ context.Context, k api.Key) (bool, error) {
			return slices.ContainsFunc(done, func(w api.Work) bool { return w.Key == k }), nil
		},
	})
}

func TestInputsRunFirstAndDoneTasksNever(t *testing.T) {
	he, masson := pretrain("HE"), pretrain("MASSON")
	both := finetune("G2C", he, masson)
	f := &fake{}
	if err := run(t.Context(), f, []api.Work{masson}, he, masson, both); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.ran, []string{"HE", "G2C"}) {
		t.Errorf("ran %v", f.ran)
	}
}

func TestAFailureLeavesOthersGoing(t *testing.T) {
	he, masson := pretrain("HE"), pretrain("MASSON")
	a, b := finetune("A", he), finetune("B", masson)
	bad := fault.New(fault.ErrData, "no such folder")
	f := &fake{answer: func(_ context.Context, name string, _ int) error {
		if name == "HE" {
			return bad
		}
		return nil
	}}
	if err := run(t.Context(), f, nil, he, masson, a, b); !errors.Is(err, bad) {
		t.Errorf("%v, want the failure of HE", err)
	}
	slices.Sort(f.ran)
	if !slices.Equal(f.ran, []string{"B", "HE", "MASSON"}) {
		t.Errorf("ran %v", f.ran)
	}
}

func TestWhatIsUnavailableIsTriedAgain(t *testing.T) {
	f := &fake{answer: func(_ context.Context, _ string, attempt int) error {
		if attempt < 3 {
			return fault.New(fault.ErrUnavailable, "disk full")
		}
		return nil
	}}
	if err := run(t.Context(), f, nil, pretrain("HE")); err != nil || len(f.ran) != 3 {
		t.Errorf("%v after %d attempts", err, len(f.ran))
	}
}

func TestInterruptedRunSaysSo(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	f := &fake{answer: func(ctx context.Context, _ string, _ int) error {
		cancel()
		<-ctx.Done()
		return fault.New(fault.ErrInterrupted, "state saved")
	}}
	he := pretrain("HE")
	if err := run(ctx, f, nil, he, finetune("A", he)); !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("%v, want an interrupt", err)
	}
	if len(f.ran) != 1 {
		t.Errorf("ran %v", f.ran)
	}
}

// A task is taken before it runs and given back when it has; one that another process
// did meanwhile is not run, and one that cannot be taken is not either.
func TestTasksAreTaken(t *testing.T) {
	a, b := pretrain("a"), pretrain("b")
	var mu sync.Mutex
	held, elsewhere := map[api.Key]bool{}, map[api.Key]bool{}
	f := &fake{answer: func(_ context.Context, name string, _ int) error {
		mu.Lock()
		defer mu.Unlock()
		if !held[map[string]api.Key{"a": a.Key, "b": b.Key}[name]] {
			t.Errorf("%s runs without being taken", name)
		}
		return nil
	}}
	refused := fault.New(fault.ErrUnavailable, "the store is gone")
	opt := Options{
		Experiment: "e", Works: []api.Work{a, b}, Workers: []Worker{f},
		Finished: func(_ context.Context, k api.Key) (bool, error) {
			mu.Lock()
			defer mu.Unlock()
			return elsewhere[k], nil
		},
		Take: func(_ context.Context, w api.Work) (func() error, error) {
			mu.Lock()
			defer mu.Unlock()
			held[w.Key] = true
			elsewhere[b.Key] = true // done while we waited for it
			return func() error {
				mu.Lock()
				defer mu.Unlock()
				held[w.Key] = false
				return nil
			}, nil
		},
	}
	if err := Run(t.Context(), opt); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(f.ran, []string{"a"}) || held[a.Key] || held[b.Key] {
		t.Errorf("ran %v, still held %v", f.ran, held)
	}
	clear(elsewhere)
	opt.Take = func(context.Context, api.Work) (func() error, error) { return nil, refused }
	if err := Run(t.Context(), opt); err == nil || len(f.ran) != 1 {
		t.Errorf("not taken: %v, ran %v", err, f.ran)
	}
}
