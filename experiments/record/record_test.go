package record

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
	"g2c/experiments/spec"
	"g2c/experiments/specs"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
)

func experiment(t testing.TB, sets ...string) Experiment {
	t.Helper()
	text, ok := specs.Lookup("quickstart")
	if !ok {
		t.Fatal("there is no quickstart")
	}
	file, err := spec.Parse("quickstart", text, sets...)
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
	if id, err := Put(t.Context(), s, e); err != nil || id != e.Plan.Experiment {
		t.Fatal(id, err)
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
	names, err := IDs(t.Context(), s)
	if err != nil || !slices.Equal(names, []string{e.Plan.Experiment}) {
		t.Errorf("names %v, %v", names, err)
	}
}

// A text means the tasks whose names have its parts, whole and in order.
func TestFind(t *testing.T) {
	s, e := open(t), experiment(t)
	if _, err := Put(t.Context(), s, e); err != nil {
		t.Fatal(err)
	}
	for _, item := range e.Plan.Items {
		for _, name := range item.Names {
			for _, text := range []string{name, e.Plan.Experiment + "/" + name} {
				found, err := Find(t.Context(), s, text)
				if err != nil || len(found) != 1 || found[0].Key != item.Key || found[0].Name != name || found[0].Run != e.Plan.Experiment {
					t.Errorf("%s: %v, %v", text, found, err)
				}
			}
		}
	}
	arm, err := Find(t.Context(), s, "PAS_H&E")
	for _, n := range arm {
		if !strings.Contains(n.Name, "/PAS_H&E/") && !strings.HasSuffix(n.Name, "/PAS_H&E") {
			t.Errorf("%s is of another arm", n.Name)
		}
	}
	if err != nil || len(arm) < 2 {
		t.Errorf("%d tasks of an arm, %v", len(arm), err)
	}
	for _, text := range []string{"", "/", e.Plan.Experiment, "PAS_AL", "finetune/PAS_ALL+"} {
		if found, err := Find(t.Context(), s, text); err != nil || len(found) > 0 {
			t.Errorf("%q: %v, %v", text, found, err)
		}
	}
}

// A run replaces its own record and nobody else's; a part never takes the plain name.
func TestEveryRunHasItsRecord(t *testing.T) {
	ctx, s := t.Context(), open(t)
	put := func(e Experiment, command, want string) {
		t.Helper()
		e.Command = command
		if id, err := Put(ctx, s, e); err != nil || id != want {
			t.Fatalf("%s: id %q, want %q, %v", command, id, want, err)
		}
		if got, err := Get(ctx, s, want); err != nil || got.Command != command || got.Plan.Hash() != e.Plan.Hash() {
			t.Fatalf("%s: its record is of %v, %v", command, got, err)
		}
	}
	first, other, part := experiment(t, "seed=1"), experiment(t, "seed=7"), experiment(t)
	var err error
	if part.Plan, err = part.Plan.Only("pretrain/"); err != nil {
		t.Fatal(err)
	}
	part.Part = true
	name := first.Plan.Experiment
	own := func(e Experiment) string { return name + "@" + e.Plan.Hash()[:12] }
	put(part, "a part comes first", own(part))
	put(first, "the first", name)
	put(other, "another", own(other))
	put(first, "the first again", name)
	put(other, "the other again", own(other))
	ids, err := IDs(ctx, s)
	want := []string{name, own(part), own(other)}
	slices.Sort(want)
	if err != nil || !slices.Equal(ids, want) {
		t.Errorf("ids %v, want %v, %v", ids, want, err)
	}
	if err := PutExamples(ctx, s, own(other), bytes.NewReader([]byte("patches"))); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{own(other): "patches", name: ""} {
		if got, err := Examples(ctx, s, id); err != nil || string(got) != want {
			t.Errorf("examples of %s: %q, %v", id, got, err)
		}
	}
	if err := s.Put(ctx, "experiments/"+name+".json", bytes.NewReader([]byte("{"))); err != nil {
		t.Fatal(err)
	}
	if id, err := ID(ctx, s, first.Plan, false); err != nil || id != own(first) {
		t.Errorf("beside a damaged record the id is %s, want %s, %v", id, own(first), err)
	}
}

// What joint training made of generators lies beside the record of its run, by fine-tuning,
// and goes with it.
func TestAuthentic(t *testing.T) {
	s := open(t)
	ctx := t.Context()
	one, other := api.Key{1}, api.Key{2}
	for _, id := range []string{"e", "e@0123456789ab"} {
		for _, key := range []api.Key{one, other} {
			if err := PutAuthentic(ctx, s, id, key, bytes.NewReader([]byte(id+key.Short()))); err != nil {
				t.Fatal(err)
			}
		}
		if err := PutExamples(ctx, s, id, bytes.NewReader([]byte("patches"))); err != nil {
			t.Fatal(err)
		}
	}
	if ids, err := IDs(ctx, s); err != nil || len(ids) != 0 {
		t.Errorf("runs %v, %v, of which none has a record", ids, err)
	}
	if err := Delete(ctx, s, "e"); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{"e": "", "e@0123456789ab": "e@0123456789ab" + other.Short()} {
		if got, err := Authentic(ctx, s, id, other); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", id, got, err)
		}
	}
	keys, err := Keys(ctx, s, "e@0123456789ab")
	folder := "experiments/e/0123456789ab.authentic/"
	if want := []string{"experiments/e/0123456789ab.examples", folder + one.String(), folder + other.String()}; err != nil || !slices.Equal(keys, want) {
		t.Errorf("keys %v, %v", keys, err)
	}
	if keys, err := Keys(ctx, s, "e"); err != nil || len(keys) != 0 {
		t.Errorf("keys %v of what was deleted, %v", keys, err)
	}
	if _, err := Keys(ctx, s, "../e"); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("no name of a run: %v", err)
	}
}

// rival is a store without locks in which another run takes the plain name just before.
type rival struct {
	store.Store
	put func()
}

func (r *rival) PutIfAbsent(ctx context.Context, key string, body store.Body) (bool, error) {
	r.put()
	return r.Store.PutIfAbsent(ctx, key, body)
}

// Of two runs that begin under one new name at the same instant one has the plain name.
func TestAnotherRunTakesTheNameMeanwhile(t *testing.T) {
	s := open(t)
	first, other := experiment(t, "seed=1"), experiment(t, "seed=7")
	name := first.Plan.Experiment
	late := &rival{s, func() {
		if id, err := Put(t.Context(), s, other); err != nil || id != name {
			t.Errorf("the rival has %s, %v", id, err)
		}
	}}
	id, err := Put(t.Context(), late, first)
	if want := name + "@" + first.Plan.Hash()[:12]; err != nil || id != want {
		t.Errorf("id %s, want %s, %v", id, want, err)
	}
	if got, err := Get(t.Context(), s, name); err != nil || got.Plan.Hash() != other.Plan.Hash() {
		t.Errorf("the rival's record: %v", err)
	}
}

func TestErrors(t *testing.T) {
	s, e := open(t), experiment(t)
	if _, err := Put(t.Context(), s, e); err != nil {
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
	for name, want := range map[string]error{"nobody": fault.ErrNotFound, "../quickstart": fault.ErrNotFound, "a/b": fault.ErrNotFound, "quickstart@": fault.ErrNotFound, "quickstart@0123456789ab": fault.ErrNotFound, "damaged": fault.ErrData, "moved": fault.ErrData} {
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
