package e2e

import (
	"encoding/json"
	"strings"
	"testing"
)

// plannedTimes is what `g2c plan --json` says of times.
type plannedTimes struct {
	UnknownTasksLeft int
	SecondsLeft      float64
	Tasks            []struct {
		Name, Basis string
		Seconds     *float64
	}
}

func planTimes(t *testing.T, args ...string) plannedTimes {
	t.Helper()
	o := must(t, nil, append([]string{"plan", tiny, "--json"}, args...)...)
	var p plannedTimes
	if err := json.Unmarshal([]byte(o.stdout), &p); err != nil {
		t.Fatal(err)
	}
	return p
}

// On a store that tells nothing, a step of each kind of task is timed where that is asked
// for, and every time says where it comes from. No store is made.
func TestPlanTimesSteps(t *testing.T) {
	store, cache := t.TempDir()+"/none", t.TempDir()
	plain := planTimes(t, "--store", store, "--cache", cache)
	if plain.UnknownTasksLeft != len(plain.Tasks) {
		t.Errorf("%d of %d tasks of unknown time", plain.UnknownTasksLeft, len(plain.Tasks))
	}
	timed := planTimes(t, "--store", store, "--cache", cache, "--measure")
	if timed.UnknownTasksLeft != 0 || !(timed.SecondsLeft > 0) {
		t.Errorf("%+v", timed)
	}
	for _, task := range timed.Tasks {
		if task.Basis != "timed" || task.Seconds == nil || !(*task.Seconds > 0) {
			t.Errorf("%s: %v s, %s", task.Name, task.Seconds, task.Basis)
		}
	}
	if o := run(t.Context(), t, nil, "ls", store); o.code != 4 {
		t.Errorf("a store was made: exit code %d", o.code)
	}
	if o := run(t.Context(), t, nil, "plan", tiny, "--measure", "--class", "cpu-2"); o.code != 2 || !strings.Contains(o.stderr, "--class") {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
}
