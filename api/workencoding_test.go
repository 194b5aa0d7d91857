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
		},
		Gang: Gang{1, 4}, Checkpoint: Checkpoint{EveryEpochs: 1, EverySteps: 2, Keep: 3, KeepBest: true},
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

// A field that is added to a Work and not to its encoding would be lost on the
// way through the log.
func TestFullWorkSetsEveryField(t *testing.T) {
	w := fullWork()
	w.Task = Task{Kind: KindPretrain, Numerics: ClassCPU, Pretrain: pretrainTask().Pretrain}
	for _, v := range []any{w, w.Where, *w.Where.Labelled, *w.Where.Labelled.Validation, *w.Where.Synthetic, w.Gang, w.Checkpoint, w.Where.Labelled.Columns, w.Where.Generators[0]} {
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
	for i := range good {
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

func FuzzDecodeWork(f *testing.F) {
	f.Add(fullWork().Encode())
	f.Add([]byte(workMagic))
	f.Fuzz(func(t *testing.T, b []byte) {
		w, err := DecodeWork(b)
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
