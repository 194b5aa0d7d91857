package checkpoint_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"g2c/checkpoint"
	"g2c/internal/fault"
)

func mustSnapshot(t *testing.T, key string, seed float32, step int64, final bool) checkpoint.Snapshot {
	t.Helper()
	state := make([]float32, 10)
	for i := range state {
		state[i] = seed
	}
	s, err := snapshot(key, state, step, final)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func mustSave(t *testing.T, repo *checkpoint.Repo, s checkpoint.Snapshot) checkpoint.Manifest {
	t.Helper()
	m, err := repo.Save(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTwoSaversOfEqualBytesBothSucceed(t *testing.T) {
	dir := t.TempDir()
	repos := []*checkpoint.Repo{openRepo(t, dir), openRepo(t, dir)} // as two processes
	var group sync.WaitGroup
	for step := range int64(10) {
		for _, repo := range repos {
			s := mustSnapshot(t, task, float32(step), step, false)
			group.Go(func() {
				if _, err := repo.Save(t.Context(), s); err != nil {
					t.Errorf("step %d: %v", step, err)
				}
			})
		}
	}
	group.Wait()
	if step, damages := latestStep(t, repos[0]); step != 9 || len(damages) > 0 {
		t.Errorf("latest step %d, damages %v", step, damages)
	}
}

func TestOtherBytesAreADeterminismAlarm(t *testing.T) {
	dir := t.TempDir()
	a, b := openRepo(t, dir), openRepo(t, dir)
	errs := make(chan error, 2)
	for i, repo := range []*checkpoint.Repo{a, b} {
		s := mustSnapshot(t, task, float32(i), 1, false)
		go func() {
			_, err := repo.Save(t.Context(), s)
			errs <- err
		}()
	}
	lost := errors.Join(<-errs, <-errs)
	if !errors.Is(lost, fault.ErrTraining) {
		t.Fatalf("got %v", lost)
	}
	m, damages, err := a.Latest(t.Context(), task)
	if err != nil || m == nil || len(damages) > 0 {
		t.Fatalf("the winner: %v, %v, %v", m, damages, err)
	}
	message := lost.Error()
	if strings.Count(message, "determinism alarm") != 1 || !strings.Contains(message, m.Payloads[checkpoint.Resume].SHA256) {
		t.Errorf("message %q", message)
	}
	// Equal payloads and another field are an alarm too.
	same := mustSnapshot(t, taskKey("b"), 1, 1, false)
	mustSave(t, a, same)
	same.Epoch++
	if _, err := a.Save(t.Context(), same); !errors.Is(err, fault.ErrTraining) || !strings.Contains(err.Error(), "other fields") {
		t.Errorf("another epoch: %v", err)
	}
}

// A release may keep more of a task than another that does the same beside it: no alarm,
// whoever is first. What both have must still be equal, and neither may lack what has a meaning.
func TestMorePayloadsAreNoAlarm(t *testing.T) {
	for more, wanted := range map[string]bool{"backward": true, checkpoint.Results: false} {
		for _, first := range []bool{true, false} {
			repo := openRepo(t, t.TempDir())
			plain, rich := mustSnapshot(t, task, 1, 1, true), mustSnapshot(t, task, 1, 1, true)
			delete(plain.Payloads, more)
			rich.Payloads[more] = bytes.NewReader([]byte("more"))
			both := []checkpoint.Snapshot{plain, rich}
			if first {
				slices.Reverse(both)
			}
			mustSave(t, repo, both[0])
			_, err := repo.Save(t.Context(), both[1])
			if wanted && err != nil || !wanted && !errors.Is(err, fault.ErrTraining) {
				t.Errorf("%s more, rich first %v: %v", more, first, err)
			}
			other := mustSnapshot(t, task, 2, 1, true)
			if _, err := repo.Save(t.Context(), other); !errors.Is(err, fault.ErrTraining) {
				t.Errorf("%s more, other weights: %v", more, err)
			}
		}
	}
}

func TestFinalAndLatest(t *testing.T) {
	repo := openRepo(t, t.TempDir())
	if m, damages, err := repo.Latest(t.Context(), task); m != nil || damages != nil || err != nil {
		t.Errorf("empty store: %v, %v, %v", m, damages, err)
	}
	mustSave(t, repo, mustSnapshot(t, taskKey("b"), 9, 99, true)) // another task
	mustSave(t, repo, mustSnapshot(t, task, 1, 5, false))
	for _, depth := range []checkpoint.Depth{checkpoint.Present, checkpoint.Whole} {
		if m, _, err := repo.Final(t.Context(), task, depth); m != nil || err != nil {
			t.Errorf("done after step 5: %v, %v", m, err)
		}
	}
	want := mustSave(t, repo, mustSnapshot(t, task, 2, 10, true))
	for _, depth := range []checkpoint.Depth{checkpoint.Present, checkpoint.Whole} {
		if m, _, err := repo.Final(t.Context(), task, depth); err != nil || m == nil || m.Check != want.Check {
			t.Errorf("after step 10: %v, %v", m, err)
		}
	}
	// Nobody goes on from a final resume state, so a damaged one is no matter.
	if err := repo.Store().Delete(t.Context(), want.Payloads[checkpoint.Resume].Key()); err != nil {
		t.Fatal(err)
	}
	if m, damages, err := repo.Final(t.Context(), task, checkpoint.Whole); m == nil || len(damages) > 0 || err != nil {
		t.Errorf("without resume state: %v, %v, %v", m, damages, err)
	}
	if err := repo.Store().Delete(t.Context(), want.Payloads[checkpoint.Weights].Key()); err != nil {
		t.Fatal(err)
	}
	for _, depth := range []checkpoint.Depth{checkpoint.Present, checkpoint.Whole} {
		if m, damages, err := repo.Final(t.Context(), task, depth); m != nil || len(damages) != 1 || err != nil {
			t.Errorf("without weights: %v, %v, %v", m, damages, err)
		}
	}
}

func TestCancelledSaveCommitsNothing(t *testing.T) {
	repo := openRepo(t, t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := repo.Save(ctx, mustSnapshot(t, task, 1, 1, true)); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if step, damages := latestStep(t, repo); step != 0 || len(damages) > 0 {
		t.Errorf("step %d, damages %v", step, damages)
	}
}

func TestRecords(t *testing.T) {
	type times struct{ Seconds float64 }
	repo := openRepo(t, t.TempDir())
	var got times
	if ok, err := repo.Record(t.Context(), task, "durations", &got); ok || err != nil {
		t.Errorf("no record: %v, %v", ok, err)
	}
	for _, want := range []times{{1.5}, {2.5}} {
		if err := repo.PutRecord(t.Context(), task, "durations", want); err != nil {
			t.Fatal(err)
		}
		if ok, err := repo.Record(t.Context(), task, "durations", &got); !ok || err != nil || got != want {
			t.Errorf("%v, %v, %v; want %v", got, ok, err, want)
		}
	}
	if err := repo.PutRecord(t.Context(), task, "../up", got); err == nil {
		t.Error("a bad name was taken")
	}
	if err := repo.Store().Put(t.Context(), "records/"+task+"/torn.json", strings.NewReader(`{"Sec`)); err != nil {
		t.Fatal(err)
	}
	if _, err := repo.Record(t.Context(), task, "torn", &got); !errors.Is(err, fault.ErrData) {
		t.Errorf("torn record: %v", err)
	}
}
