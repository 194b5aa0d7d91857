package api

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of a task's fields. They are far above anything sensible; they keep a
// sum or a product of two fields inside an int and a name inside a line.
const (
	maxCount = math.MaxInt32
	maxText  = 512 // bytes of a stain, a label or a class name
	maxList  = 1024
)

// check collects the first thing wrong.
type check struct{ err error }

func (c *check) that(ok bool, format string, a ...any) {
	if c.err == nil && !ok {
		c.err = fmt.Errorf(format, a...)
	}
}

func (c *check) count(name string, v, low int) {
	c.that(v >= low && v <= maxCount, "%s is %d, want %d to %d", name, v, low, maxCount)
}

// float refuses NaN, infinities, and the negative zero, which is another
// encoding of the same number.
func (c *check) float(name string, v, low, high float64) {
	c.that(v >= low && v <= high && !math.IsInf(v, 0) && !(v == 0 && math.Signbit(v)), "%s is %v, want %v to %v", name, v, low, high)
}

func (c *check) oneOf(name, v string, values ...string) {
	c.that(slices.Contains(values, v), "%s is %q, want one of %v", name, v, values)
}

func (c *check) text(name, v string) {
	plain := utf8.ValidString(v) && !strings.ContainsFunc(v, unicode.IsControl)
	c.that(v != "" && len(v) <= maxText && plain, "%s %q is not 1 to %d bytes of printable text", name, v, maxText)
}

func (c *check) sorted(name string, list []string) {
	c.that(len(list) <= maxList, "%s has %d items, at most %d", name, len(list), maxList)
	for i, v := range list {
		c.text(name, v)
		c.that(i == 0 || list[i-1] < v, "%s is not sorted, or holds %q twice", name, v)
	}
}

func (c *check) data(key Key) { c.that(!key.IsZero(), "the data has no fingerprint") }

// Validate refuses a task that is not in normal form. Coordinators and workers
// call it on what they receive; users meet the spec's own errors before.
func (t Task) Validate() error {
	c := &check{err: CheckNumerics(t.Numerics)}
	bodies := 0
	for _, set := range []bool{t.Pretrain != nil, t.Finetune != nil, t.Evaluate != nil} {
		if set {
			bodies++
		}
	}
	c.that(bodies == 1, "a task has one body, not %d", bodies)
	switch {
	case c.err != nil:
	case t.Kind == KindPretrain && t.Pretrain != nil:
		t.Pretrain.validate(c)
	case t.Kind == KindFinetune && t.Finetune != nil:
		t.Finetune.validate(c)
	case t.Kind == KindEvaluate && t.Evaluate != nil:
		t.Evaluate.validate(c)
	default:
		c.that(false, "kind %q does not match the task's body", t.Kind)
	}
	if c.err == nil {
		size := len(t.Canonical())
		c.that(size <= MaxCanonicalBytes, "its encoding has %d bytes, at most %d", size, MaxCanonicalBytes)
	}
	if c.err != nil {
		return fmt.Errorf("task %s: %w", t.Kind, c.err)
	}
	return nil
}

func (g Generator) validate(c *check) {
	c.count("generator.width", g.Width, 1)
	c.count("generator.blocks", g.Blocks, 1)
}

// image checks what the networks see: a side that two stride-2 layers divide.
func (c *check) image(size int, fit string) {
	c.count("size", size, 64)
	c.that(size%4 == 0, "size is %d, want a multiple of 4", size)
	c.oneOf("fit", fit, FitResize, FitRefuse)
}

func (p *Pretrain) validate(c *check) {
	c.text("source", p.Source)
	c.text("stain", p.Stain)
	c.that(p.Stain != p.Source, "stain %s is the source itself", p.Stain)
	c.image(p.Size, p.Fit)
	p.Generator.validate(c)
	c.count("discriminatorWidth", p.DiscriminatorWidth, 1)
	c.count("epochs", p.Epochs, 1)
	c.count("constantEpochs", p.ConstantEpochs, 0)
	c.that(p.ConstantEpochs <= p.Epochs, "constantEpochs %d exceeds epochs %d", p.ConstantEpochs, p.Epochs)
	c.count("batch", p.Batch, 1)
	c.count("pool", p.Pool, 0)
	c.float("lambdaCycle", p.LambdaCycle, 0, math.MaxFloat64)
	c.float("lambdaIdentity", p.LambdaIdentity, 0, math.MaxFloat64)
	c.float("load", p.Load, 1, 16)
	c.float("lr", p.LR, 0, math.MaxFloat64)
	c.float("beta1", p.Beta1, 0, 1)
	c.float("beta2", p.Beta2, 0, 1)
	c.oneOf("precision", p.Precision, FP32, BF16)
	c.data(p.Data)
}

func (f *Finetune) validate(c *check) {
	c.text("source", f.Source)
	c.sorted("stains", f.Stains)
	c.that(!slices.Contains(f.Stains, f.Source), "stain %s is the source itself", f.Source)
	c.that(len(f.Generators) == len(f.Stains), "%d generators for %d stains", len(f.Generators), len(f.Stains))
	c.that(!slices.ContainsFunc(f.Generators, Key.IsZero), "a generator has no key")
	c.that((f.Generator != nil) == (len(f.Stains) > 0), "generator fields belong to a task with stains, and to no other")
	if f.Generator != nil {
		f.Generator.validate(c)
	}
	c.image(f.Size, f.Fit)
	c.classes(f)
	f.Classifier.validate(c)
	c.count("epochs", f.Epochs, 1)
	c.count("frozenEpochs", f.FrozenEpochs, 0)
	c.that(f.FrozenEpochs <= f.Epochs, "frozenEpochs %d exceeds epochs %d", f.FrozenEpochs, f.Epochs)
	c.that(f.FrozenEpochs == 0 || len(f.Stains) > 0, "frozenEpochs is %d without a generator", f.FrozenEpochs)
	c.count("batch", f.Batch, 1)
	c.count("shards", f.Shards, 1)
	c.that(f.Shards > 0 && f.Shards&(f.Shards-1) == 0 && f.Batch%f.Shards == 0, "shards %d is not a power of two that divides batch %d", f.Shards, f.Batch)
	c.oneOf("select", f.Select, SelectLast, SelectBest)
	c.float("gamma", f.Gamma, 0, math.MaxFloat64)
	c.float("lr", f.LR, 0, math.MaxFloat64)
	c.float("momentum", f.Momentum, 0, 1)
	c.count("dropEvery", f.DropEvery, 1)
	c.float("dropBy", f.DropBy, math.SmallestNonzeroFloat64, math.MaxFloat64)
	c.oneOf("gradients", f.Gradients, FP32, BF16)
	c.oneOf("precision", f.Precision, FP32, BF16)
	c.data(f.Data)
}

func (e *Evaluate) validate(c *check) {
	e.Model.validate(c)
	c.data(e.Data)
	c.count("metrics", e.Metrics, 0)
	names := e.ClassNames()
	c.text("positiveName", names[0])
	c.text("negativeName", names[1])
	c.that(names[0] != names[1], "both classes are called %q", names[0])
}

func (c *check) classes(f *Finetune) {
	c.sorted("positive", f.Positive)
	c.sorted("negative", f.Negative)
	c.that(len(f.Positive) > 0 && len(f.Negative) > 0, "a class without labels")
	for _, label := range f.Positive {
		c.that(!slices.Contains(f.Negative, label), "label %q is positive and negative", label)
	}
	c.text("positiveName", f.PositiveName)
	c.text("negativeName", f.NegativeName)
	c.that(f.PositiveName != f.NegativeName, "both classes are called %q", f.PositiveName)
}

func (k *Classifier) validate(c *check) {
	c.count("classifier.width", k.Width, 1)
	c.count("classifier.units", k.Units, 1)
	c.count("classifier.hidden", k.Hidden, 1)
	c.oneOf("classifier.stem", k.Stem, StemInceptionV4, StemConv7)
}
