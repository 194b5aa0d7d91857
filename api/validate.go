package api

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"g2c/internal/field"
)

// Limits of a task's fields. They are far above anything sensible; they keep a
// sum or a product of two fields inside an int and a name inside a line.
const (
	maxText = 512 // bytes of a stain, a label or a class name
	maxList = 1024
)

// check collects the first thing wrong.
type check struct{ err error }

func (c *check) that(ok bool, format string, a ...any) {
	if c.err == nil && !ok {
		c.err = fmt.Errorf(format, a...)
	}
}

// table holds the fields of a struct to the rules of their tags, by the names that they
// have in a stored task.
func (c *check) table(of any) { c.fields(reflect.ValueOf(of).Elem(), "") }

func (c *check) fields(v reflect.Value, prefix string) {
	list := field.Of(v.Type())
	for i := range list {
		f := &list[i]
		name, x := prefix+f.Stored, f.In(v)
		if x.Kind() == reflect.Pointer && !x.IsNil() {
			x = x.Elem()
		}
		switch x.Kind() {
		case reflect.Struct:
			c.fields(x, name+".")
		case reflect.Int:
			n := x.Int()
			broken := f.Rules.Broken(float64(n))
			c.that(broken == nil, "%s is %d, want %v", name, n, broken)
			c.that(n >= 0 && n <= math.MaxInt32, "%s is %d, want 0 to %d", name, n, math.MaxInt32)
		case reflect.Float64:
			c.float(name, x.Float(), f.Rules)
		case reflect.String:
			if choices := f.Rules.Choices(); choices != nil {
				c.that(slices.Contains(choices, x.String()), "%s is %q, want one of %v", name, x.String(), choices)
			} else if f.Rules.Text() != "" {
				c.text(name, x.String())
			}
		}
	}
}

// float refuses NaN, infinities, and the negative zero, which is another
// encoding of the same number.
func (c *check) float(name string, v float64, rules field.Rules) {
	c.that(!math.IsNaN(v) && !math.IsInf(v, 0) && !(v == 0 && math.Signbit(v)), "%s is %v, want a finite number", name, v)
	broken := rules.Broken(v)
	c.that(broken == nil, "%s is %v, want %v", name, v, broken)
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
	for _, set := range []bool{t.Pretrain != nil, t.Finetune != nil, t.Evaluate != nil, t.Paired != nil, t.Stain != nil} {
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
	case t.Kind == KindStain && t.Stain != nil:
		t.Stain.validate(c)
	case t.Kind == KindPaired && t.Paired != nil:
		t.Paired.validate(c)
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

func (p *Pretrain) validate(c *check) {
	c.table(p)
	c.that(p.Stain != p.Source, "stain %s is the source itself", p.Stain)
	c.that(p.ConstantEpochs <= p.Epochs, "constantEpochs %d exceeds epochs %d", p.ConstantEpochs, p.Epochs)
	p.Normaliser.validate(c)
	c.data(p.Data)
}

func (f *Finetune) validate(c *check) {
	c.table(f)
	f.relations(c)
}

// relations are what the table does not say of single fields.
func (f *Finetune) relations(c *check) {
	c.sorted("stains", f.Stains)
	c.that(!slices.Contains(f.Stains, f.Source), "stain %s is the source itself", f.Source)
	c.that(len(f.Generators) == len(f.Stains), "%d generators for %d stains", len(f.Generators), len(f.Stains))
	c.that(!slices.ContainsFunc(f.Generators, Key.IsZero), "a generator has no key")
	c.that(f.Baseline == BaselineNone || len(f.Stains) == 0, "baseline %s beside stains: it sees the source alone", f.Baseline)
	f.Normaliser.validate(c)
	c.that(f.Augment || !f.JitterStains, "stains are jittered, and augmentation is off")
	if f.methods(c); c.err != nil {
		return
	}
	c.that((f.Generator != nil) == (f.Networks() > 0), "generator fields belong to a task with generators, and to no other")
	c.classes(f)
	c.that(f.FrozenEpochs <= f.Epochs, "frozenEpochs %d exceeds epochs %d", f.FrozenEpochs, f.Epochs)
	c.that(f.FrozenEpochs == 0 || f.Networks() > 0, "frozenEpochs is %d without a generator", f.FrozenEpochs)
	c.that(f.Shards > 0 && f.Batch%f.Shards == 0, "shards %d do not divide batch %d", f.Shards, f.Batch)
	c.data(f.Data)
}

func (e *Evaluate) validate(c *check) {
	c.table(e) // the model's fields too
	e.Model.relations(c)
	c.data(e.Data)
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
	c.that(f.PositiveName != f.NegativeName, "both classes are called %q", f.PositiveName)
}
