package checkpoint_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"g2c/checkpoint"
)

const day = 24 * time.Hour

// candidate is a checkpoint with two payloads named after its task and step.
func candidate(digit string, step int64, age time.Duration) checkpoint.Candidate {
	return checkpoint.Candidate{Age: age, Manifest: checkpoint.Manifest{
		Task: taskKey(digit), Step: step, Payloads: map[string]checkpoint.Payload{
			checkpoint.Weights: {SHA256: fmt.Sprint("w", digit, step)}, checkpoint.Resume: {SHA256: fmt.Sprint("r", digit, step)},
		}}}
}

// outcome is the verdicts in short: "a1- a2+" deletes step 1 of a, keeps 2.
func outcome(verdicts []checkpoint.Verdict) string {
	var words []string
	for _, v := range verdicts {
		sign := "+"
		if v.Delete {
			sign = "-"
		}
		words = append(words, fmt.Sprint(v.Manifest.Task[:1], v.Manifest.Step, sign))
	}
	return strings.Join(words, " ")
}

func TestRetain(t *testing.T) {
	four := func() []checkpoint.Candidate { // in no order
		return []checkpoint.Candidate{candidate("a", 3, 2*day), candidate("a", 1, 4*day), candidate("a", 10, day), candidate("a", 2, 3*day)}
	}
	with := func(change func(c []checkpoint.Candidate)) []checkpoint.Candidate {
		c := four()
		change(c)
		return c
	}
	policy := checkpoint.DefaultPolicy()
	for _, c := range []struct {
		name       string
		candidates []checkpoint.Candidate
		policy     checkpoint.Policy
		want       string
	}{
		{"none", nil, policy, ""},
		{"newest two", four(), policy, "a1- a2- a3+ a10+"},
		{"newest one", four(), checkpoint.Policy{Keep: 1, Spare: day}, "a1- a2- a3- a10+"},
		{"two tasks", append(four(), candidate("b", 1, 9*day), candidate("b", 2, 9*day), candidate("b", 3, 9*day)), policy, "a1- a2- a3+ a10+ b1- b2+ b3+"},
		{"best", with(func(c []checkpoint.Candidate) { c[1].Best = true }), policy, "a1+ a2- a3+ a10+"},
		{"best not wanted", with(func(c []checkpoint.Candidate) { c[1].Best = true }), checkpoint.Policy{Keep: 2}, "a1- a2- a3+ a10+"},
		{"final", with(func(c []checkpoint.Candidate) { c[1].Manifest.Final = true }), policy, "a1+ a2- a3+ a10+"},
		{"forgotten", with(func(c []checkpoint.Candidate) { c[1].Manifest.Final, c[1].Unwanted = true, true }), policy, "a1- a2- a3+ a10+"},
		{"forgotten today", with(func(c []checkpoint.Candidate) { c[1].Manifest.Final, c[1].Unwanted, c[1].Age = true, true, day-1 }), policy, "a1+ a2- a3+ a10+"},
		{"running", with(func(c []checkpoint.Candidate) { c[1].Running, c[3].Running = true, true }), policy, "a1+ a2+ a3+ a10+"},
		{"young", with(func(c []checkpoint.Candidate) { c[3].Age = day - 1 }), policy, "a1- a2+ a3+ a10+"},
		{"clock set back", with(func(c []checkpoint.Candidate) { c[3].Age = -day }), policy, "a1- a2+ a3+ a10+"},
		{"nothing spared", with(func(c []checkpoint.Candidate) { c[3].Age = -day }), checkpoint.Policy{Keep: 2}, "a1- a2- a3+ a10+"},
		{"the newest are damaged", with(func(c []checkpoint.Candidate) { c[0].Damaged, c[2].Damaged = true, true }), policy, "a1+ a2+ a3+ a10+"},
		{"an old one is damaged", with(func(c []checkpoint.Candidate) { c[1].Damaged = true }), policy, "a1- a2- a3+ a10+"},
	} {
		verdicts := checkpoint.Retain(c.candidates, c.policy)
		if got := outcome(verdicts); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		for _, v := range verdicts {
			if young := v.Unwanted && v.Age < day && !v.Delete; v.Why == "" || young != strings.Contains(v.Why, "--spare") {
				t.Errorf("%s: no reason for step %d", c.name, v.Manifest.Step)
			}
		}
	}
}

func TestCollect(t *testing.T) {
	policy := checkpoint.DefaultPolicy()
	verdicts := checkpoint.Retain([]checkpoint.Candidate{candidate("a", 1, 9*day), candidate("a", 2, 9*day), candidate("a", 3, 9*day)}, policy)
	// Step 1 goes; it shares its weights with step 3.
	verdicts[2].Manifest.Payloads[checkpoint.Weights] = verdicts[0].Manifest.Payloads[checkpoint.Weights]
	object := func(name string, age time.Duration) checkpoint.Object {
		return checkpoint.Object{Key: "objects/" + name, Bytes: 10, Age: age}
	}
	objects := []checkpoint.Object{object("ra1", 9*day), object("wa1", 9*day), object("ra2", 9*day), object("stray", 9*day), object("newborn", time.Hour)}
	deleted := func(p checkpoint.Plan) (keys []string) {
		for _, a := range p.Actions {
			if a.Delete {
				keys = append(keys, a.Key)
			}
		}
		return keys
	}
	plan := checkpoint.Collect(verdicts, objects, nil, policy)
	manifest := "manifests/" + taskKey("a") + "/000000001.json"
	if got, want := deleted(plan), []string{manifest, "objects/ra1", "objects/stray"}; !slices.Equal(got, want) {
		t.Errorf("deleted %v, want %v", got, want)
	}
	if n, bytes := plan.Deletes(); n != 3 || bytes != 20 {
		t.Errorf("%d deletions of %d bytes", n, bytes)
	}
	for _, line := range []string{"delete objects/stray 10 bytes: no manifest that stays names it", "keep   objects/newborn 10 bytes: younger than 24h0m0s",
		"keep   objects/wa1 10 bytes: named by manifests/" + taskKey("a") + "/000000003.json", "3 of 8 to delete, 20 bytes"} {
		if !strings.Contains(plan.String(), line) {
			t.Errorf("no line %q in\n%s", line, plan)
		}
	}
	// A manifest that cannot be read may name anything.
	plan = checkpoint.Collect(verdicts, objects, []checkpoint.Damage{{Key: "manifests/x", Reason: "torn"}}, policy)
	if got, want := deleted(plan), []string{manifest}; !slices.Equal(got, want) {
		t.Errorf("beside a damaged manifest: deleted %v, want %v", got, want)
	}
}

func countObjects(t *testing.T, repo *checkpoint.Repo, prefix string) int {
	t.Helper()
	infos, err := repo.Store().List(t.Context(), prefix)
	if err != nil {
		t.Fatal(err)
	}
	return len(infos)
}

func TestPruneKeepsTheNewestAndOtherTasks(t *testing.T) {
	repo := openRepo(t, t.TempDir())
	mustTrain(t, repo, task, 5)
	mustTrain(t, repo, taskKey("b"), 3)                 // has the payloads of the first three steps of a too
	scores := map[int64]float64{1: 0.9, 2: 0.5, 3: 0.9} // the first of equals is the best
	best := func(m checkpoint.Manifest) (float64, bool) { v, ok := scores[m.Step]; return v, ok }
	plan, err := repo.Prune(t.Context(), task, checkpoint.DefaultPolicy(), best)
	if err != nil {
		t.Fatal(err)
	}
	// Of steps 2 and 3 b keeps the payloads.
	if n, _ := plan.Deletes(); n != 2 || n != len(plan.Actions) {
		t.Errorf("plan:\n%s", plan)
	}
	if got := countObjects(t, repo, "manifests/"+task); got != 3 {
		t.Errorf("%d manifests of a left, want steps 1, 4 and 5", got)
	}
	plan, err = repo.Prune(t.Context(), taskKey("b"), checkpoint.Policy{Keep: 1}, nil)
	if err != nil {
		t.Fatal(err)
	}
	// Steps 1 and 2 of b go, and the payloads of step 2, which nobody else has.
	if n, bytes := plan.Deletes(); n != 4 || bytes == 0 {
		t.Errorf("plan:\n%s", plan)
	}
	audit, err := repo.Verify(t.Context(), nil)
	if err != nil || len(audit.Damages) > 0 || len(audit.Unnamed) > 0 || audit.Manifests != 4 {
		t.Errorf("after pruning: %+v, %v", audit, err)
	}
	mustFinish(t, repo, 5, "after pruning")
}

// backdate makes every object and manifest as old as a time.
func backdate(t *testing.T, repo *checkpoint.Repo, dir string, to time.Time) {
	t.Helper()
	infos, err := repo.Store().List(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	for _, info := range infos {
		if err := os.Chtimes(filepath.Join(dir, info.Key), to, to); err != nil {
			t.Fatal(err)
		}
	}
}

func TestGCOfTheWholeStore(t *testing.T) {
	dir := t.TempDir()
	repo := openRepo(t, dir)
	mustTrain(t, repo, task, 4)
	mustTrain(t, repo, taskKey("b"), 6)
	orphan := "objects/" + taskKey("c")
	if err := repo.Store().Put(t.Context(), orphan, strings.NewReader("orphan")); err != nil {
		t.Fatal(err)
	}
	plan := func(now time.Time, running func(string) bool) checkpoint.Plan {
		t.Helper()
		p, err := repo.PlanGC(t.Context(), checkpoint.DefaultPolicy(), now, checkpoint.Judge{Running: running})
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	now := time.Unix(1e9, 0)
	backdate(t, repo, dir, now)
	if n, _ := plan(now, nil).Deletes(); n != 0 {
		t.Error("deletes what is younger than a day")
	}
	later := now.Add(2 * day)
	if n, _ := plan(later, func(string) bool { return true }).Deletes(); n != 1 {
		t.Error("while everything runs, the orphan alone may go")
	}
	p := plan(later, nil)
	// Steps 1-2 of a and 1-4 of b, the payloads of 1 and 2, and the orphan.
	if n, _ := p.Deletes(); n != 6+4+1 {
		t.Errorf("plan:\n%s", p)
	}
	// Somebody saves step 1 again after the plan was made: its objects stay.
	state := make([]float32, stateFloats)
	advance(state)
	again, err := snapshot(taskKey("d"), state, 1, false)
	if err != nil {
		t.Fatal(err)
	}
	mustSave(t, repo, again)
	for range 2 { // a plan may be executed twice
		if err := repo.Execute(t.Context(), p); err != nil {
			t.Fatal(err)
		}
	}
	audit, err := repo.Verify(t.Context(), nil)
	if err != nil || len(audit.Damages) > 0 || len(audit.Unnamed) > 0 || audit.Manifests != 5 {
		t.Errorf("after collection: %+v, %v", audit, err)
	}
	mustFinish(t, repo, 4, "after collection")
}
