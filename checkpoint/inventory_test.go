package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore/diskfault"
	"g2c/internal/fault"
)

func TestTasksAndFind(t *testing.T) {
	dir := t.TempDir()
	repo := openRepo(t, dir)
	if tasks, damages, err := repo.Tasks(t.Context()); tasks != nil || damages != nil || err != nil {
		t.Errorf("empty store: %v, %v, %v", tasks, damages, err)
	}
	mustTrain(t, repo, task, 2)
	near := strings.Repeat("a", 63) + "b"
	mustSave(t, repo, mustSnapshot(t, near, 1, 7, false))
	mustSave(t, repo, mustSnapshot(t, near, 1, 8, false)) // the same payloads
	tasks, damages, err := repo.Tasks(t.Context())
	if err != nil || len(tasks) != 2 || len(damages) > 0 {
		t.Fatalf("%v, %v, %v", tasks, damages, err)
	}
	a, b := tasks[0], tasks[1]
	if a.Key != task || !a.Final || len(a.Manifests) != 2 || a.Kind != checkpoint.Pretrain || a.Class != "cpu-1" {
		t.Errorf("%+v", a)
	}
	if b.Key != near || b.Final || len(b.Manifests) != 2 || b.Manifests[1].Step != 8 || b.Bytes != b.Manifests[0].Bytes() {
		t.Errorf("%+v", b)
	}
	if key, err := repo.Find(t.Context(), near); err != nil || key != near {
		t.Errorf("%s, %v", key, err)
	}
	if _, err := repo.Find(t.Context(), "aaaa"); !errors.Is(err, fault.ErrSpec) {
		t.Errorf("ambiguous: %v", err)
	}
	for _, prefix := range []string{"", "c", "A", "../a", "aa/"} {
		if key, err := repo.Find(t.Context(), prefix); !errors.Is(err, fault.ErrNotFound) {
			t.Errorf("%q: %s, %v", prefix, key, err)
		}
	}
	if err := os.Truncate(filepath.Join(dir, a.Manifests[0].Key()), 10); err != nil {
		t.Fatal(err)
	}
	tasks, damages, err = repo.Tasks(t.Context())
	if err != nil || len(tasks) != 2 || len(tasks[0].Manifests) != 1 || len(damages) != 1 || damages[0].Key != a.Manifests[0].Key() {
		t.Errorf("torn manifest: %v, %v, %v", tasks, damages, err)
	}
}

func TestVerifyNamesEverythingDamaged(t *testing.T) {
	dir := t.TempDir()
	repo := openRepo(t, dir)
	mustTrain(t, repo, task, 4)
	manifest := func(step int64) checkpoint.Manifest {
		m, err := repo.Manifest(t.Context(), task, step)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	one, two, three, four := manifest(1), manifest(2), manifest(3), manifest(4)
	put := func(key, content string) {
		if err := repo.Store().Put(t.Context(), key, strings.NewReader(content)); err != nil {
			t.Fatal(err)
		}
	}
	flipped, missing := one.Payloads[checkpoint.Weights].Key(), two.Payloads[checkpoint.Resume].Key()
	torn, moved := three.Key(), "manifests/"+taskKey("e")+"/000000004.json"
	data, err := os.ReadFile(filepath.Join(dir, four.Key()))
	if err != nil {
		t.Fatal(err)
	}
	put(moved, string(data))
	orphan := "objects/" + taskKey("f")
	put(orphan, "not what its name says")
	put("objects/readme.txt", "")
	put("manifests/notes", "")
	for _, err := range []error{diskfault.Flip(filepath.Join(dir, flipped), 99), os.Remove(filepath.Join(dir, missing)), os.Truncate(filepath.Join(dir, torn), 77)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	seen := 0
	audit, err := repo.Verify(t.Context(), func(string) { seen++ })
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]bool{}
	for _, d := range audit.Damages {
		found[d.Key] = true
		if !strings.Contains(d.String(), d.Key) || d.Reason == "" || d.Missing != (d.Key == missing) {
			t.Errorf("%+v", d)
		}
	}
	for _, key := range []string{flipped, missing, torn, moved, orphan} {
		if !found[key] {
			t.Errorf("%s is not named", key)
		}
	}
	if len(audit.Damages) != 5 || audit.Manifests != 5 || len(audit.Strays) != 2 {
		t.Errorf("%+v", audit)
	}
	// The payloads of step 3 are whole, but its manifest names nothing any more.
	if len(audit.Unnamed) != 2 || seen != audit.Objects || audit.Objects != 9 {
		t.Errorf("%d unnamed, %d of %d objects seen", len(audit.Unnamed), seen, audit.Objects)
	}
}
