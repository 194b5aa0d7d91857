package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"g2c/api"
	"g2c/checkpoint/filestore"
	"g2c/experiments/spec"
	"g2c/experiments/specs"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
)

func experiment(t testing.TB) Experiment {
	t.Helper()
	text, ok := specs.Lookup("quickstart")
	if !ok {
		t.Fatal("there is no quickstart")
	}
	file, err := spec.Parse("quickstart", text)
	if err != nil {
		t.Fatal(err)
	}
	plan, err := sweep.Expand(file, sweep.Options{Numerics: api.ClassCPU, Fingerprint: func(d api.DataSet) (api.Key, error) {
		question, err := json.Marshal(d)
		return sha256.Sum256(question), err
	}})
	if err != nil {
		t.Fatal(err)
	}
	return Experiment{Spec: string(text), Sets: []string{"seed=2"}, Command: "g2c run quickstart", Notes: []string{"a note"}, Plan: plan}
}

func open(t *testing.T) *filestore.Store {
	t.Helper()
	s, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestPutThenGet(t *testing.T) {
	s, e := open(t), experiment(t)
	if err := Put(t.Context(), s, e); err != nil {
		t.Fatal(err)
	}
	got, err := Get(t.Context(), s, e.Plan.Experiment)
	if err != nil {
		t.Fatal(err)
	}
	e.Format = Version
	a, errA := json.Marshal(e)
	b, errB := json.Marshal(got)
	if err := errors.Join(errA, errB); err != nil || !bytes.Equal(a, b) {
		t.Errorf("the record changed: %v", err)
	}
	if got.Plan.Find(e.Plan.Items[0].Key) == nil {
		t.Error("the plan that was read has no index")
	}
	names, err := Names(t.Context(), s)
	if err != nil || !slices.Equal(names, []string{e.Plan.Experiment}) {
		t.Errorf("names %v, %v", names, err)
	}
}

func TestErrors(t *testing.T) {
	s, e := open(t), experiment(t)
	if err := Put(t.Context(), s, e); err != nil {
		t.Fatal(err)
	}
	other := bytes.NewReader([]byte(`{"format":1}`))
	if err := s.Put(t.Context(), "experiments/damaged.json", other); err != nil {
		t.Fatal(err)
	}
	whole, err := json.Marshal(experiment(t))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Put(t.Context(), "experiments/moved.json", bytes.NewReader(bytes.Replace(whole, []byte(`"format":0`), []byte(`"format":1`), 1))); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]error{"nobody": fault.ErrNotFound, "../quickstart": fault.ErrNotFound, "a/b": fault.ErrNotFound, "damaged": fault.ErrData, "moved": fault.ErrData} {
		if _, err := Get(t.Context(), s, name); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", name, err, want)
		}
	}
}

func FuzzDecode(f *testing.F) {
	e := experiment(f)
	e.Format = Version
	e.Plan.Items = e.Plan.Items[:1]
	text, err := json.Marshal(e)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"format":1,"plan":{"items":[null]}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := Decode(data)
		if err != nil {
			if !errors.Is(err, fault.ErrData) {
				t.Fatalf("%v is no data error", err)
			}
			return
		}
		for _, item := range e.Plan.Items {
			if e.Plan.Find(item.Key) != item {
				t.Fatal("an item is not found by its key")
			}
		}
	})
}
