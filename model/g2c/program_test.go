package g2c

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"g2c/internal/golden"
	"g2c/kernels"
	"g2c/kernels/kernelstest"
	"g2c/model/graph"
	"g2c/model/nn"
)

// tiny is a small model with everything in it but Inception's stem.
func tiny() Config {
	return Config{
		Size: 16, Batch: 4, Shards: 2, EvalBatch: 2, Generators: 1, Generator: nn.GeneratorConfig{Width: 4, Blocks: 1},
		Classifier: nn.ClassifierConfig{Width: 8, Units: 1, Hidden: 4, Attention: true, Conv7: true, Classes: 2},
		Gamma:      2, Momentum: 0.5, Jitter: true,
	}
}

// variants are the tiny model with one thing changed.
func variants() map[string]Config {
	v := map[string]Config{"tiny": tiny()}
	change := func(name string, f func(c *Config)) {
		c := tiny()
		f(&c)
		v[name] = c
	}
	change("one shard", func(c *Config) { c.Shards = 1 })
	change("no generators", func(c *Config) { c.Generators = 0 })
	change("three generators", func(c *Config) { c.Generators = 3 })
	change("made and given", func(c *Config) { c.Generators, c.Given = 3, []int{0, 2} })
	change("given alone", func(c *Config) { c.Generators, c.Given = 2, []int{0, 1} })
	change("unshared", func(c *Config) { c.Classifier.Unshared = true })
	change("no attention", func(c *Config) { c.Classifier.Attention = false })
	change("inception", func(c *Config) { c.Size, c.Classifier.Conv7, c.Classifier.Units = 64, false, 3 })
	change("buckets", func(c *Config) { c.BucketBytes = 4096 })
	return v
}

func build(t *testing.T, c Config) *Model {
	t.Helper()
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func programs(m *Model) []*kernels.Program {
	ps := []*kernels.Program{m.Input, m.Frozen, m.EvalInput, m.Evaluate}
	if m.Joint != nil {
		ps = append(ps, m.Joint)
	}
	return ps
}

func TestDumps(t *testing.T) {
	for _, p := range programs(build(t, tiny())) {
		golden.Check(t, filepath.Join("testdata", p.Name+".golden"), p.String())
	}
}

// printDumps makes the test binary print its dumps and nothing else.
const printDumps = "PRINT_DUMPS"

func TestMain(m *testing.M) {
	if os.Getenv(printDumps) == "" {
		os.Exit(m.Run())
	}
	model, err := New(variants()["buckets"])
	if err != nil {
		panic(err)
	}
	for _, p := range programs(model) {
		os.Stdout.WriteString(p.String())
	}
}

// TestDumpsInOtherProcesses: maps are walked in another order in each process.
func TestDumpsInOtherProcesses(t *testing.T) {
	var want strings.Builder
	for _, p := range programs(build(t, variants()["buckets"])) {
		want.WriteString(p.String())
	}
	for range 3 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), printDumps+"=1")
		got, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want.String() {
			t.Fatal("another process compiles another program")
		}
	}
}

func TestPlans(t *testing.T) {
	for name, c := range variants() {
		for _, p := range programs(build(t, c)) {
			l := kernels.Layout{F32: 4, I32: 4, U8: 1}
			plan := kernels.NewPlan(p, l)
			if err := kernelstest.CheckPlan(p, plan, l); err != nil {
				t.Errorf("%s, %s: %v", name, p.Name, err)
			}
			if p.Name == "g2c_joint" && plan.Arena*5 > plan.Sum*4 {
				t.Errorf("%s, %s: the arena takes %d bytes of %d", name, p.Name, plan.Arena, plan.Sum)
			}
		}
	}
}

// TestSizes holds programs to their size: more shards take no more instructions,
// and another generator takes as many as the one before.
func TestSizes(t *testing.T) {
	v := variants()
	if one, two := len(build(t, v["one shard"]).Joint.Instrs), len(build(t, v["tiny"]).Joint.Instrs); one > two {
		t.Errorf("one shard takes %d instructions, two take %d", one, two)
	}
	count := func(generators int) int {
		c := tiny()
		c.Generators = generators
		return len(build(t, c).Joint.Instrs)
	}
	one, two, three := count(1), count(2), count(3)
	if three-two != two-one || two-one > 75 || one > 235 {
		t.Errorf("1, 2 and 3 generators take %d, %d and %d instructions", one, two, three)
	}
	frozen := build(t, tiny()).Frozen
	for i, in := range frozen.Instrs {
		if in.Op.Name() == "instance_norm_grad" {
			t.Fatalf("a frozen generator is differentiated: %s", frozen.Line(i))
		}
	}
}

// TestGivenBranches: what is given has slots of its own, is brought in as the source is, and
// has no network; a model of nothing else has no joint step.
func TestGivenBranches(t *testing.T) {
	m := build(t, variants()["made and given"])
	for _, slot := range []string{Pixels, X, EvalPixels, EvalX} {
		source, _ := m.State.Type(slot)
		for branch, want := range map[int]bool{0: true, 1: false, 2: true} {
			got, ok := m.State.Type(GivenSlot(slot, branch))
			if ok != want || ok && got.String() != source.String() {
				t.Errorf("%s of branch %d is %v, %v", slot, branch, got, ok)
			}
		}
	}
	for _, p := range []*kernels.Program{m.Input, m.EvalInput} {
		if len(p.Instrs) != 3 {
			t.Errorf("%s has %d instructions, want one for each of the source and two branches", p.Name, len(p.Instrs))
		}
	}
	nets := map[string]bool{}
	for _, p := range m.Catalog.Params {
		nets[p.Net] = true
	}
	if len(nets) != 2 || !nets[GeneratorNet(1)] || !nets[ClassifierNet] {
		t.Errorf("the networks are %v", nets)
	}
	if build(t, variants()["given alone"]).Joint != nil {
		t.Error("a model without generators has a joint step")
	}
}

// TestBuckets: a segment ends where its bytes of gradients are complete, and the
// last segment is the step boundary.
func TestBuckets(t *testing.T) {
	c := variants()["buckets"]
	p := build(t, c).Joint
	if len(p.Segments) < 4 {
		t.Fatalf("%d segments only", len(p.Segments))
	}
	if name := p.Segments[len(p.Segments)-1].Name; name != graph.UpdateSegment {
		t.Errorf("the last segment is %s", name)
	}
	whole := build(t, tiny()).Joint
	for k, s := range p.Segments[:len(p.Segments)-1] {
		bytes := 0
		for i := s.From; i < s.To; i++ {
			if got, want := p.Line(i), whole.Line(i); got != want {
				t.Fatalf("buckets change an instruction from %s to %s", want, got)
			}
			for _, id := range p.Instrs[i].Out {
				if slot := p.Values[id].Slot; slot == Loss || strings.HasPrefix(slot, nn.GradPrefix) || strings.HasPrefix(slot, nn.SumsPrefix) {
					bytes += 4 * p.Values[id].Type.Shape.Len()
				}
			}
		}
		if bytes < c.BucketBytes && k < len(p.Segments)-2 {
			t.Errorf("segment %s completes %d bytes, want %d", s.Name, bytes, c.BucketBytes)
		}
	}
}

// TestEveryGradient: a step writes the gradient of every parameter it trains, and
// every statistic, once.
func TestEveryGradient(t *testing.T) {
	for name, c := range variants() {
		m := build(t, c)
		step := m.Joint
		if step == nil {
			step = m.Frozen
		}
		written := map[string]int{}
		for _, in := range step.Instrs {
			for _, id := range in.Out {
				written[step.Values[id].Slot]++
			}
		}
		for _, p := range m.Catalog.Params {
			if written[nn.GradPrefix+p.Name] != 1 {
				t.Errorf("%s: the gradient of %s is written %d times", name, p.Name, written[nn.GradPrefix+p.Name])
			}
		}
		for _, p := range m.Catalog.Running {
			if written[p.Name] != 1 {
				t.Errorf("%s: the statistic %s is written %d times", name, p.Name, written[p.Name])
			}
		}
	}
}

// What judges a model alone is what judges it while it trains, in either precision, over a
// state without gradients and moments.
func TestEvaluationIsThatOfTraining(t *testing.T) {
	for name, c := range variants() {
		for _, c.BF16 = range []bool{false, true} {
			whole := build(t, c)
			alone, err := NewEvaluation(c)
			if err != nil {
				t.Fatal(err)
			}
			if alone.Evaluate.String() != whole.Evaluate.String() || alone.EvalInput.String() != whole.EvalInput.String() {
				t.Errorf("%s, bf16 %v: the programs differ", name, c.BF16)
			}
			for _, g := range []string{GroupGeneratorsGrad, GroupGeneratorsMoment, GroupClassifierGrad, GroupClassifierMoment} {
				if _, ok := alone.State.Type(g); ok {
					t.Errorf("%s: an evaluation has %s", name, g)
				}
			}
			if alone.Input != nil || alone.Frozen != nil || alone.Joint != nil {
				t.Errorf("%s: an evaluation has programs of training", name)
			}
		}
	}
}
