package checkpoint_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/filestore/diskfault"
	"g2c/checkpoint/store"
	"g2c/checkpoint/storetest"
	"g2c/internal/fault"
)

// TestStopAnywhere stops a run in each of its file operations, with and without
// a power cut. What was saved is there and whole, and the run ends as if
// nothing had happened.
func TestStopAnywhere(t *testing.T) {
	const last = 2
	for _, powerCut := range []bool{false, true} {
		for k, finished := 1, false; !finished; k++ {
			dir := filepath.Join(t.TempDir(), "store")
			disk := diskfault.New()
			disk.StopAt(k)
			saved := int64(0)
			s, err := filestore.OpenOn(dir, disk)
			if err == nil {
				err = train(t.Context(), checkpoint.New(s), task, last, func(step int64) { saved = step })
			}
			finished = !disk.Stopped()
			if finished != (err == nil) || !finished && !errors.Is(err, diskfault.ErrStopped) {
				t.Fatalf("stop at %d: stopped %v, error %v", k, disk.Stopped(), err)
			}
			if powerCut {
				if err := disk.PowerCut(); err != nil {
					t.Fatal(err)
				}
			}
			repo := openRepo(t, dir)
			if step, damages := latestStep(t, repo); step < saved || len(damages) > 0 {
				t.Errorf("stop at %d, power cut %v: step %d was saved, %d is there, damages %v", k, powerCut, saved, step, damages)
			}
			mustFinish(t, repo, last, "after a stop")
		}
	}
}

func TestFullDiskAtEveryByteCount(t *testing.T) {
	dir, disk := t.TempDir(), diskfault.New()
	s, err := filestore.OpenOn(dir, disk)
	if err != nil {
		t.Fatal(err)
	}
	repo := checkpoint.New(s)
	mustTrain(t, repo, task, 1)
	for _, room := range []int64{0, 1, 5000, 11000, 13000, 18000} {
		disk.Fill(room)
		err := train(t.Context(), repo, task, 3, func(int64) { t.Error("saved on a full disk") })
		if !errors.Is(err, store.ErrFull) || fault.ExitCode(err) != fault.ExitUnavailable || !strings.Contains(err.Error(), "free some space") {
			t.Errorf("room for %d bytes: %v", room, err)
		}
		if step, damages := latestStep(t, repo); step != 1 || len(damages) > 0 {
			t.Errorf("room for %d bytes: latest step %d, damages %v", room, step, damages)
		}
	}
	disk.Fill(-1)
	if err := train(t.Context(), repo, task, 3, func(int64) {}); err != nil {
		t.Error(err)
	}
}

// paths lists the files of a checkpoint: the manifest, then the payloads.
func paths(dir string, m checkpoint.Manifest) []string {
	files := []string{filepath.Join(dir, m.Key())}
	for _, name := range m.PayloadNames() {
		files = append(files, filepath.Join(dir, m.Payloads[name].Key()))
	}
	return files
}

// TestDamageFallsBackAndHeals spoils each file of the newest checkpoint in each
// way: the damage is named, the checkpoint before is used, nothing is deleted,
// and the run ends as if nothing had happened.
func TestDamageFallsBackAndHeals(t *testing.T) {
	spoils := map[string]func(path string) error{
		"flipped bit": func(path string) error { return diskfault.Flip(path, 1234) },
		"torn":        func(path string) error { return os.Truncate(path, 100) },
		"empty":       func(path string) error { return os.Truncate(path, 0) },
		"missing":     os.Remove,
	}
	for how, spoil := range spoils {
		for i := range 3 {
			dir := t.TempDir()
			repo := openRepo(t, dir)
			mustTrain(t, repo, task, 3)
			m, err := repo.Manifest(t.Context(), task, 3)
			if err != nil {
				t.Fatal(err)
			}
			victim := paths(dir, m)[i]
			if err := spoil(victim); err != nil {
				t.Fatal(err)
			}
			step, damages := latestStep(t, repo)
			if step != 2 {
				t.Errorf("%s %s: went on from step %d", how, victim, step)
			}
			gone := how == "missing" && i == 0 // nothing says that it was ever there
			if gone != (len(damages) == 0) || !gone && !strings.HasSuffix(victim, damages[0].Key) {
				t.Errorf("%s %s: damages %v", how, victim, damages)
			}
			if _, err := os.Stat(victim); how != "missing" && err != nil {
				t.Errorf("%s: the damaged file is gone: %v", how, err)
			}
			mustFinish(t, repo, 3, how+" "+victim)
			if audit, err := repo.Verify(t.Context(), nil); err != nil || len(audit.Damages) > 0 {
				t.Errorf("%s %s: after healing: %v, %v", how, victim, audit.Damages, err)
			}
		}
	}
}

// TestPayloadIsNeverReturnedDamaged flips bits on the way, not on the disk.
func TestPayloadIsNeverReturnedDamaged(t *testing.T) {
	s, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	faulty := storetest.NewFaulty(s)
	repo := checkpoint.New(faulty)
	mustTrain(t, repo, task, 1)
	m, err := repo.Manifest(t.Context(), task, 1)
	if err != nil {
		t.Fatal(err)
	}
	faulty.Flip(m.Payloads[checkpoint.Weights].Key())
	data, err := repo.Payload(t.Context(), m, checkpoint.Weights)
	if data != nil || !errors.Is(err, fault.ErrData) || !strings.Contains(err.Error(), m.WeightsSHA256()) {
		t.Errorf("%d bytes, %v", len(data), err)
	}
	faulty.Flip("manifests/")
	if _, err := repo.Manifest(t.Context(), task, 1); !errors.Is(err, fault.ErrData) {
		t.Errorf("manifest: %v", err)
	}
	if _, err := repo.Manifest(t.Context(), task, 2); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("missing manifest: %v", err)
	}
	if _, err := repo.Payload(t.Context(), m, "none"); !errors.Is(err, fault.ErrNotFound) {
		t.Errorf("missing payload: %v", err)
	}
	// A store that lies about a put is found out, and the save done again heals.
	faulty.Torn("objects/")
	mustTrain(t, repo, task, 2)
	if step, damages := latestStep(t, repo); step != 1 || len(damages) != 1 {
		t.Errorf("torn put: step %d, damages %v", step, damages)
	}
	faulty.Torn("manifests/")
	mustFinish(t, repo, 2, "torn put")
}
