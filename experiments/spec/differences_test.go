package spec

import (
	"slices"
	"strings"
	"testing"
)

const comparedSpec = `
apiVersion: g2c/v1
kind: Experiment
metadata: {name: x}
data: {source: PAS, size: 64, synthetic: {patients: 4, patches: 8}}
tasks: [{name: one, positive: [gs], negative: [noa]}, {name: two, positive: [ss], negative: [noa]}]
pretrain: {lr: 2e-4}
arms:
  - {name: A, stains: []}
  - {name: B, stains: [HE], finetune.augment: true}
sweep: {seeds: [1, 2]}
`

// What means the same is no difference; what an arm or the sweep says is told by name.
func TestDifferences(t *testing.T) {
	parse := func(text string) *File {
		t.Helper()
		f, err := Parse("x", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	a := parse(comparedSpec)
	if d := Differences(a, parse(strings.Replace(comparedSpec, "2e-4", "0.0002", 1))); len(d) > 0 {
		t.Errorf("written in another way: %v", d)
	}
	edited := strings.NewReplacer(
		"2e-4", "1e-3", "{name: one, positive: [gs], negative: [noa]}, ", "", "augment: true", "augment: false",
		"[1, 2]", "[1, 2, 3]", "{name: A, stains: []}", "{name: A, stains: [PASM]}",
	).Replace(comparedSpec)
	var got []string
	for _, d := range Differences(a, parse(edited)) {
		got = append(got, d.Path+": "+d.A+" | "+d.B)
	}
	want := []string{
		"tasks[one].name: one | ", "tasks[one].positive: [gs] | ", "tasks[one].negative: [noa] | ",
		"pretrain.lr: 0.0002 | 0.001", "arms[A].stains: [] | [PASM]", "arms[B].finetune.augment: true | false", "sweep.seed: [1, 2] | [1, 2, 3]",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if same := Differences(a, a); len(same) > 0 || same == nil {
		t.Errorf("of itself: %v", same)
	}
}
