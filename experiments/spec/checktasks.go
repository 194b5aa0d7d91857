package spec

import (
	"cmp"
	"regexp"
	"slices"
	"strconv"

	"g2c/api"
)

// checkGroup refuses a pattern that does not compile or names no group.
func (v *Variant) checkGroup() error {
	const path = "data.labelled.group.pattern"
	pattern := v.Spec.Data.Labelled.Group.Pattern
	if pattern == "" {
		if e := v.root.locate(path); e != v.root.locate("data.labelled.group") {
			return v.fail(path, "the pattern is empty")
		}
		if v.Spec.Data.Labelled.Group.By == api.GroupByPattern {
			return v.fail("data.labelled.group.by", "groups are to come from the pattern, and there is none").
				WithHint("give data.labelled.group.pattern, or leave by out")
		}
		return nil
	}
	re, err := regexp.Compile(pattern)
	if err != nil {
		return v.fail(path, "%w", err)
	}
	if re.SubexpIndex("patient") < 0 && re.SubexpIndex("slide") < 0 {
		return v.fail(path, "the pattern names neither patient nor slide").WithHint(`for example '^(?P<slide>.+)-\d+$'`)
	}
	return nil
}

// classNames are what the two classes are called in outputs: the task's names,
// or its labels, sorted and joined by a plus sign.
func (t *Task) classNames() (positive, negative string) {
	positive, negative = api.JoinLabels(t.Positive, t.Negative)
	return cmp.Or(t.PositiveName, positive), cmp.Or(t.NegativeName, negative)
}

func (v *Variant) checkTasks() error {
	for i := range v.Spec.Tasks {
		t := &v.Spec.Tasks[i]
		path := "tasks[" + strconv.Itoa(i) + "]"
		if t.Name == "" {
			return v.fail(path, "the task has no name")
		}
		for j := range v.Spec.Tasks[:i] {
			if v.Spec.Tasks[j].Name == t.Name {
				return v.fail(path+".name", "task %s is given twice", t.Name)
			}
		}
		if err := v.checkLabels(t, path); err != nil {
			return err
		}
		if err := v.checkGiven(t, path); err != nil {
			return err
		}
	}
	return nil
}

func (v *Variant) checkLabels(t *Task, path string) error {
	seen := map[string]string{}
	for _, side := range []struct {
		name   string
		labels []string
	}{{"positive", t.Positive}, {"negative", t.Negative}} {
		if len(side.labels) == 0 {
			return v.fail(path+"."+side.name, "task %s has no %s labels", t.Name, side.name)
		}
		for _, label := range side.labels {
			if other, ok := seen[label]; ok {
				if other == side.name {
					return v.fail(path+"."+side.name, "label %q is given twice", shorten(label))
				}
				return v.fail(path+"."+side.name, "label %q is positive and negative", shorten(label))
			}
			seen[label] = side.name
		}
	}
	positive, negative := t.classNames()
	if positive == negative {
		return v.fail(path, "both classes are called %q", shorten(positive)).WithHint("set positiveName and negativeName")
	}
	return nil
}

// checkGiven follows the chain of given tasks: each must exist, end, and call
// positive every label that the next one tells apart.
func (v *Variant) checkGiven(t *Task, path string) error {
	var names []string
	for _, other := range v.Spec.Tasks {
		names = append(names, other.Name)
	}
	for at, steps := t, 0; at.Given != ""; steps++ {
		if steps >= len(names) {
			return v.fail(path+".given", "task %s is given itself, by way of %s", t.Name, t.Given)
		}
		i := slices.Index(names, at.Given)
		if i < 0 {
			return v.fail(path+".given", "there is no task %s", shorten(at.Given)).WithHint("%s", suggest(at.Given, names))
		}
		given := &v.Spec.Tasks[i]
		for _, label := range slices.Concat(at.Positive, at.Negative) {
			if !slices.Contains(given.Positive, label) && given != t {
				return v.fail(path+".given", "label %q is not positive in task %s, so it would never be judged", shorten(label), given.Name)
			}
		}
		at = given
	}
	return nil
}

// checkStains asks that every stain can be had: pretrained from images, or ready.
func (v *Variant) checkStains() error {
	d := &v.Spec.Data
	var known []string
	switch {
	case d.Synthetic != nil:
		known = append(known, SyntheticStains...)
	default:
		for stain := range d.Unlabelled {
			known = append(known, stain)
		}
		for stain := range d.Paired {
			known = append(known, stain)
		}
	}
	for stain := range v.Spec.Generators {
		if stain == d.Source {
			return v.fail("generators."+stain, "%s is the source: it is not generated", stain)
		}
		known = append(known, stain)
	}
	slices.Sort(known)
	known = slices.DeleteFunc(slices.Compact(known), func(s string) bool { return s == d.Source })
	for _, stain := range v.Stains {
		if stain == d.Source {
			return v.at.fault("arm %s: %s is the source: it is not generated", v.Arm, stain).WithHint("stains: [] is the source alone")
		}
		if !slices.Contains(known, stain) {
			return v.at.fault("arm %s: there are no images of stain %s, and no generator", v.Arm, stain).
				WithHint("data.unlabelled, data.paired or generators must name it; %s", suggest(stain, known))
		}
		r, ready := v.Spec.Generators[stain]
		if r.needsTarget() && d.Synthetic == nil && d.Unlabelled[stain] == nil {
			return v.fail("generators."+stain, "the method %s takes the colours of unlabelled images of %s, and there are none", r.Method, stain).
				WithHint("name some under data.unlabelled.%s", stain)
		}
		if !ready && d.Synthetic == nil && d.Unlabelled[d.Source] == nil && d.Paired[stain] == nil {
			return v.fail("data.unlabelled", "pretraining %s needs images of the source, %s", stain, d.Source).
				WithHint("the labelled training folder can stand here as well")
		}
	}
	return nil
}
