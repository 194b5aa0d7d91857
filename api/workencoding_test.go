package api

import (
	"bytes"
	"errors"
	"reflect"
	"testing"
)

// fullWork sets every field; the test of fields below holds it to that.
func fullWork() Work {
	t := stainsTask()
	return Work{
		Key: t.Key(), Names: []string{"finetune/gs/HE/b6/s1", "finetune/gs/TWIN/b6/s1"}, Task: t,
		Where: Where{
			Source: "PAS", Synthetic: &Synthetic{Patients: 3, Patches: 4, Seed: 5},
			Unlabelled: []StainPaths{{Stain: "HE", Paths: []string{"a", "b"}}, {Stain: "PAS", Paths: []string{"c"}}},
			Labelled: &Labelled{
				Train: []string{"train"}, Validation: &Validation{Paths: []string{"v"}, Fraction: 0.15, Seed: 7}, Test: []string{"test"},
				Pattern: "^(?P<slide>.+)$", Columns: Columns{"path", "label", "patient", "slide"},
				By: GroupByColumn, AllowDuplicates: true, Folds: 5, Fold: 2, Take: 300, Seed: 9, Named: true,
			},
			Generators: []StainModel{{Stain: "HE", Model: "abcd", Key: fill(7)}},
			Paired:     []string{"pairs.csv"},
			HeldSlide:  "s3",
		},
		Gang: Gang{1, 4}, Checkpoint: Checkpoint{EveryEpochs: 1, EverySteps: 2, Keep: 3, KeepBest: true, Longer: 9, LongerFrozen: 2}, Watchdog: Watchdog{600, 1800},
		Priority: -5, Project: "demo", Experiment: "e1",
	}
}

func TestAWorkComesBack(t *testing.T) {
	full := fullWork()
	got, err := DecodeWork(full.Encode())
	if err != nil || !reflect.DeepEqual(got, full) {
		t.Fatalf("%v\n got %+v\nwant %+v", err, got, full)
	}
	for _, task := range allTasks() { // with nothing but a task and a name
		w := Work{Key: task.Key(), Names: []string{"n"}, Task: task}
		got, err := DecodeWork(w.Encode())
		if err != nil || got.Key != task.Key() || got.Task.Key() != task.Key() {
			t.Errorf("%s: %v", task.Kind, err)
		}
	}
}

// A work's level is the lowest that reads it: a field that older programs do not have
// raises it.
func TestLevels(t *testing.T) {
	labelled := func(spoil func(*Labelled)) Work {
		w := Work{Task: aloneTask(), Where: Where{Labelled: &Labelled{Train: []string{"train"}}}}
		spoil(w.Where.Labelled)
		return w
	}
	for name, c := range map[string]struct {
		work Work
		want int
	}{
		"an old evaluation": {Work{Task: evaluateTask()}, LevelFirst},
		"an evaluation":     {Work{Task: namedTask()}, LevelTrust},
		"labelled images":   {labelled(func(*Labelled) {}), LevelFirst},
		"by":                {labelled(func(l *Labelled) { l.By = GroupByPattern }), LevelTrust},
		"duplicates":        {labelled(func(l *Labelled) { l.AllowDuplicates = true }), LevelTrust},
		"folds":             {labelled(func(l *Labelled) { l.Folds, l.Fold = 5, 1 }), LevelTrust},
		"a part":            {labelled(func(l *Labelled) { l.Take = 3 }), LevelTrust},
		"named columns":     {labelled(func(l *Labelled) { l.Named = true }), LevelTrust},
		"its seed":          {labelled(func(l *Labelled) { l.Seed = 3 }), LevelTrust},
		"enlarged images":   {enlarged(), LevelEnlarge},
		"gradients in bf16": {rounded(), LevelGangs},
		"a paired task":     {Work{Task: pairedTask()}, LevelBaselines},
		"pairs":             {Work{Task: aloneTask(), Where: Where{Paired: []string{"p"}}}, LevelBaselines},
		"a watchdog":        {Work{Task: aloneTask(), Watchdog: Watchdog{Start: 1}}, LevelWishes},
	} {
		if got := c.work.Level(); got != c.want {
			t.Errorf("%s: level %d, want %d", name, got, c.want)
		}
	}
}

// enlarged is a work whose images are enlarged however small they are.
func enlarged() Work {
	w := Work{Task: aloneTask()}
	w.Task.Finetune.Fit = FitEnlarge
	return w
}

// rounded is a work whose gradients are rounded at every node of their sum.
func rounded() Work {
	w := Work{Task: aloneTask()}
	w.Task.Finetune.Gradients = BF16
	return w
}

// A field that is added to a Work and not to its encoding would be lost on the
// way through the log.
func TestFullWorkSetsEveryField(t *testing.T) {
	w := fullWork()
	w.Task = Task{Kind: KindPretrain, Numerics: ClassCPU, Pretrain: pretrainTask().Pretrain}
	for _, v := range []any{w, w.Where, *w.Where.Labelled, *w.Where.Labelled.Validation, *w.Where.Synthetic, w.Gang, w.Checkpoint, w.Watchdog, w.Running(), w.Where.Labelled.Columns, w.Where.Generators[0]} {
		r := reflect.ValueOf(v)
		for i := range r.NumField() {
			if r.Field(i).IsZero() {
				t.Errorf("%T.%s is not set", v, r.Type().Field(i).Name)
			}
		}
	}
}

func TestDecodeWorkRefusesEveryDamage(t *testing.T) {
	good := fullWork().Encode()
	older := fullWork() // ends before the last field, which older programs did not have
	older.Watchdog = Watchdog{}
	for i := range good {
		if i == len(older.Encode()) {
			continue
		}
		if _, err := DecodeWork(good[:i]); !errors.Is(err, ErrEncoding) {
			t.Fatalf("its first %d bytes: %v", i, err)
		}
	}
	if _, err := DecodeWork(append(bytes.Clone(good), 0)); !errors.Is(err, ErrEncoding) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := DecodeWork(make([]byte, MaxWorkBytes+1)); !errors.Is(err, ErrEncoding) {
		t.Errorf("a huge one: %v", err)
	}
}

// Nobody's word is taken for a gang that the task can make no use of; what was let in
// before this was checked stays readable.
func TestGangsAreChecked(t *testing.T) {
	for name, c := range map[string]struct {
		task Task
		gang Gang
		good bool
	}{
		"a pretraining of two slots":    {pretrainTask(), Gang{1, 2}, false},
		"a pretraining of 2^31 slots":   {pretrainTask(), Gang{1 << 30, 1<<31 - 1}, false},
		"a pretraining of one":          {pretrainTask(), Gang{1, 1}, true},
		"an evaluation of two":          {evaluateTask(), Gang{2, 2}, false},
		"a fine-tuning of its shards":   {stainsTask(), Gang{1, stainsTask().Finetune.Shards}, true},
		"a fine-tuning of more":         {stainsTask(), Gang{1, stainsTask().Finetune.Shards + 1}, false},
		"one that cannot do with fewer": {stainsTask(), Gang{stainsTask().Finetune.Shards * 2, 0}, false},
		"one that says nothing":         {pretrainTask(), Gang{}, true},
	} {
		w := Work{Key: c.task.Key(), Names: []string{"n"}, Task: c.task, Gang: c.gang}
		b := w.Encode()
		if _, err := DecodeWork(b); (err == nil) != c.good || err != nil && !errors.Is(err, ErrEncoding) {
			t.Errorf("%s: %v", name, err)
		}
		if got, err := RestoreWork(b); err != nil || got.Gang != c.gang {
			t.Errorf("%s, restored: %+v, %v", name, got.Gang, err)
		}
	}
}

// How to run a task comes back, and is put onto a work whole.
func TestRunningComesBack(t *testing.T) {
	full := fullWork()
	want := full.Running()
	got, err := DecodeRunning(want.Encode())
	if err != nil || !reflect.DeepEqual(*got, want) {
		t.Fatalf("%v\n got %+v\nwant %+v", err, got, want)
	}
	bare := Work{Key: full.Key, Names: []string{"n"}, Task: full.Task, Priority: full.Priority, Project: full.Project, Experiment: full.Experiment}
	if as := bare.As(got, full.Gang); !reflect.DeepEqual(as, full) {
		t.Errorf("another work: %+v", as)
	}
	good, older := want.Encode(), want
	older.Watchdog = Watchdog{}
	for i := range good {
		if i == len(older.Encode()) {
			continue
		}
		if _, err := DecodeRunning(good[:i]); !errors.Is(err, ErrEncoding) {
			t.Fatalf("its first %d bytes: %v", i, err)
		}
	}
	if _, err := DecodeRunning(append(bytes.Clone(good), 0)); !errors.Is(err, ErrEncoding) {
		t.Errorf("a byte too many: %v", err)
	}
	if _, err := DecodeRunning(make([]byte, MaxWorkBytes+1)); !errors.Is(err, ErrEncoding) {
		t.Errorf("a huge one: %v", err)
	}
}

func FuzzDecodeRunning(f *testing.F) {
	w := fullWork()
	r := w.Running()
	f.Add(r.Encode())
	f.Add([]byte(runningMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRunning(b)
		if err != nil {
			if !errors.Is(err, ErrEncoding) {
				t.Fatalf("an error of another class: %v", err)
			}
			return
		}
		if !bytes.Equal(r.Encode(), b) {
			t.Fatal("two encodings of one")
		}
	})
}

func FuzzDecodeWork(f *testing.F) {
	f.Add(fullWork().Encode())
	f.Add([]byte(workMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := RestoreWork(b)
		if err != nil {
			if !errors.Is(err, ErrEncoding) {
				t.Fatalf("an error of another class: %v", err)
			}
			return
		}
		if !bytes.Equal(w.Encode(), b) {
			t.Fatal("two encodings of one work")
		}
	})
}
