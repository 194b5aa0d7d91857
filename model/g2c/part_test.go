package g2c

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"g2c/kernels"
	"g2c/model/nn"
)

// parts are the tiny model in eight samples and four shards, with enough buckets to
// cut, whole and in parts.
func parts() map[string]Config {
	v := map[string]Config{}
	for name, c := range variants() {
		if name == "one shard" {
			continue
		}
		c.Batch, c.Shards, c.BucketBytes = 8, 4, 4096
		v[name] = c
	}
	return v
}

// shape is what an instruction does, whatever the number of samples, and which
// values it reads. Values are named by the instruction that made them.
func shape(p *kernels.Program, i int, names map[int]string) string {
	in := p.Instrs[i]
	var reads []string
	for _, id := range in.In {
		name := p.Values[id].Slot
		if name == "" {
			name = names[id]
		}
		reads = append(reads, name)
	}
	return in.Op.Name() + "(" + strings.Join(reads, ", ") + ")"
}

// lines lists the instructions of a program.
func lines(p *kernels.Program) []string {
	names, all := map[int]string{}, []string(nil)
	for i, in := range p.Instrs {
		all = append(all, shape(p, i, names))
		for k, id := range in.Out {
			names[id] = fmt.Sprintf("%d.%d", i, k)
		}
	}
	return all
}

// TestPartsComputeAsTheWhole: a step over a part of the shards is the instructions of
// the whole step in the same order, sums in the same order of terms; buckets are
// the same gradients.
func TestPartsComputeAsTheWhole(t *testing.T) {
	for name, c := range parts() {
		whole := build(t, c)
		for _, own := range []int{1, 2} {
			c.Own = own
			part := build(t, c)
			for k, p := range trainings(part) {
				w := trainings(whole)[k]
				if got, want := lines(p), lines(w); !slices.Equal(got, want) || !slices.Equal(p.Segments, w.Segments) {
					t.Errorf("%s, %d shards, %s: %d instructions differ from %d", name, own, p.Name, len(got), len(want))
				}
			}
			if typ, _ := part.State.Type(X); typ.Shape[0] != c.Batch/c.Shards*own {
				t.Errorf("%s: %d shards read %v", name, own, typ)
			}
		}
	}
}

func trainings(m *Model) []*kernels.Program {
	if m.Joint == nil {
		return []*kernels.Program{m.Frozen}
	}
	return []*kernels.Program{m.Frozen, m.Joint}
}

// TestPartial: every gradient, every statistic and the loss is exchanged once, after
// the segment that completes it.
func TestPartial(t *testing.T) {
	for name, c := range parts() {
		c.Own = 2
		m := build(t, c)
		step := trainings(m)[len(trainings(m))-1]
		buckets := Partial(step)
		if len(buckets) != len(step.Segments)-1 {
			t.Fatalf("%s: %d buckets of %d segments", name, len(buckets), len(step.Segments))
		}
		want := []string{Loss}
		for _, p := range m.Catalog.Params {
			want = append(want, nn.GradPrefix+p.Name)
		}
		for _, g := range m.State.Groups {
			if g.Name != GroupStatistics {
				continue
			}
			for _, s := range g.Slots {
				want = append(want, s.Name)
			}
		}
		got := slices.Concat(buckets...)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d slots are exchanged, want %d", name, len(got), len(want))
		}
	}
}
