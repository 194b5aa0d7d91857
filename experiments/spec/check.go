package spec

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"

	"g2c/api"
	"g2c/internal/fault"
)

// The stains and labels of the built-in kidney world.
var (
	SyntheticStains = []string{"HE", "MASSON", "PAS", "PASM"}
	SyntheticLabels = []string{"gs", "noa", "ss"}
)

// check refuses impossible combinations of fields; single values were checked
// where they stand.
func (v *Variant) check() error {
	for _, check := range []func() error{
		v.checkRequired, v.checkImages, v.checkSynthetic, v.checkSets, v.checkGroup,
		v.checkTasks, v.checkStains, v.checkBaseline, v.checkShards, v.checkNorms, v.checkNormalise, v.checkRest,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// fileName is what an experiment may be called.
var fileName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$`)

func (v *Variant) checkRequired() error {
	for _, f := range []struct{ path, value, hint string }{
		{"apiVersion", v.has("apiVersion"), "write apiVersion: g2c/v1"},
		{"kind", v.has("kind"), "write kind: Experiment"},
		{"metadata.name", v.Spec.Metadata.Name, "it names the report's folder"},
		{"data.source", v.Spec.Data.Source, "it is the stain of the labelled images, for example PAS"},
	} {
		if f.value == "" {
			return v.fail(f.path, "the field is missing").WithHint("%s", f.hint)
		}
	}
	if !fileName.MatchString(v.Spec.Metadata.Name) {
		return v.fail("metadata.name", "%q is not the name of a folder", v.Spec.Metadata.Name).
			WithHint("it names the report's folder: 1 to 100 letters, digits, dots, hyphens and underscores, the first a letter or a digit")
	}
	if len(v.Spec.Tasks) == 0 && len(v.Stains) == 0 {
		return v.at.fault("arm %s has nothing to do: the spec has no tasks, and the arm no stains", v.Arm)
	}
	return nil
}

// has is the text of a field of the root that stands in the document.
func (v *Variant) has(key string) string {
	if e := v.root.find(key); e != nil {
		return e.value.text
	}
	return ""
}

// checkImages refuses pairs that nobody could train on.
func (v *Variant) checkImages() error {
	d := &v.Spec.Data
	for _, stain := range slices.Sorted(maps.Keys(d.Paired)) {
		path := "data.paired." + stain
		if stain == d.Source {
			return v.fail(path, "%s is the source: pairs are of it and of another stain", stain)
		}
		if n := len(d.Paired[stain]); n > 2 {
			return v.fail(path, "%d paths are no pairs", n).
				WithHint("name a CSV of the columns source, target, split and slide, or two folders: of sources and of targets")
		}
	}
	if d.HeldSlide != "" && len(d.Paired) == 0 {
		return v.fail("data.heldSlide", "a slide is held out of paired images, and there are none").WithHint("data.paired names them")
	}
	return nil
}

// checkSynthetic keeps the built-in world and the user's images apart.
func (v *Variant) checkSynthetic() error {
	d := &v.Spec.Data
	if d.Synthetic == nil {
		return nil
	}
	if d.Synthetic.Patients == 0 || d.Synthetic.Patches == 0 {
		return v.fail("data.synthetic", "patients and patches are both needed").WithHint("for example {patients: 12, patches: 20, seed: 1}")
	}
	if path := v.besideSynthetic(); path != "" {
		return v.fail(path, "data.synthetic stands in place of images, and both are given").
			WithHint("leave out one of the two: the built-in world comes with its own splits")
	}
	if !slices.Contains(SyntheticStains, d.Source) {
		return v.fail("data.source", "the synthetic world has no stain %s", d.Source).WithHint("%s", suggest(d.Source, SyntheticStains))
	}
	for i, t := range v.Spec.Tasks {
		for _, label := range slices.Concat(t.Positive, t.Negative) {
			if !slices.Contains(SyntheticLabels, label) {
				return v.fail("tasks["+indices(i + 1)[i]+"]", "the synthetic world has no label %q", shorten(label)).
					WithHint("%s", suggest(label, SyntheticLabels))
			}
		}
	}
	return nil
}

// besideSynthetic is a field of the user's images that has a value of its own: the
// built-in world would not heed it. Its images are dealt to folds and taken in part like
// any others.
func (v *Variant) besideSynthetic() string {
	defaults := defaultValues()
	l := &v.Spec.Data.Labelled
	heeded := map[string]bool{
		"data.labelled.folds": true, "data.labelled.take": true,
		"data.seed": l.Folds > 0 || l.Take > 0, "data.labelled.validation": l.Folds > 0 && l.Validation.Paths == nil,
	}
	for _, f := range Fields(&v.Spec) {
		if heeded[f.Path] {
			continue
		}
		for _, section := range []string{"data.unlabelled.", "data.paired.", "data.labelled.", "data.seed"} {
			if strings.HasPrefix(f.Path, section) && f.Value != defaults[f.Path] {
				return f.Path
			}
		}
	}
	return ""
}

// defaultValues are the values of the default's fields, by path.
var defaultValues = sync.OnceValue(func() map[string]string {
	standard := Default()
	values := map[string]string{}
	for _, f := range Fields(&standard) {
		values[f.Path] = f.Value
	}
	return values
})

// checkSets asks for the labelled images that the tasks need.
func (v *Variant) checkSets() error {
	l := &v.Spec.Data.Labelled
	if len(v.Spec.Tasks) == 0 || v.Spec.Data.Synthetic != nil {
		return nil
	}
	if l.Train == nil {
		return v.fail("data.labelled.train", "the field is missing, and the tasks need it").WithHint("name class folders or a CSV file")
	}
	if l.Test == nil && l.Folds == 0 {
		return v.fail("data.labelled.test", "the field is missing, and the tasks need it").
			WithHint("`g2c data split` makes a test set by patient; with data.labelled.folds none is needed")
	}
	return nil
}

func (v *Variant) checkShards() error {
	f := &v.Spec.Finetune
	if f.Batch%f.Shards != 0 {
		return v.fail("finetune.batch", "batch %d is not a multiple of shards %d", f.Batch, f.Shards).
			WithHint("shards is finetune.shards, %d by default", Default().Finetune.Shards)
	}
	if g := v.Spec.Gang; g.Max > f.Shards {
		return v.fail("gang.max", "%d workers for %d shards: a worker owns one shard at least", g.Max, f.Shards)
	}
	if g := v.Spec.Gang; g.Min > f.Shards || (g.Max > 0 && g.Min > g.Max) {
		return v.fail("gang.min", "%d is more than the most workers, %d", g.Min, v.Spec.GangMax())
	}
	return nil
}

// GangMax is the most slots that train a task together.
func (s *Spec) GangMax() int {
	if s.Gang.Max == 0 {
		return s.Finetune.Shards
	}
	return s.Gang.Max
}

// checkNorms refuses a batch norm whose shard holds one value per channel: its
// variance would be zero, and its unbiased variance undefined.
func (v *Variant) checkNorms() error {
	f, c := &v.Spec.Finetune, &v.Spec.Model.Classifier
	if v.Spec.Model.Baseline != api.BaselineNone {
		return nil // none of them has a batch norm
	}
	branches := len(v.Stains) + 1
	if !c.Shared {
		branches = 1 // every branch has norms of its own
	}
	side := DeepestNorm(v.Spec.Data.Size, c.Stem, c.Units)
	if len(v.Spec.Tasks) > 0 && branches*(f.Batch/f.Shards)*side*side == 1 {
		return v.fail("finetune.shards", "arm %s: a shard of %d image holds one value per channel in the last batch norm, which sees %d×%d pixels",
			v.Arm, f.Batch/f.Shards, side, side).WithHint("use fewer shards, fewer units or a larger size")
	}
	return nil
}

// DeepestNorm is the side in pixels of the last batch norm's input: the stem's
// output, halved by the 3×3 pooling (stride 2, padding 1) of every unit but the
// last.
func DeepestNorm(size int, stem string, units int) int {
	halve := func(n int) int { return (n-1)/2 + 1 } // 3×3, stride 2, padding 1
	valid := func(n int) int { return (n-3)/2 + 1 } // 3×3, stride 2, no padding
	side := halve(halve(size))                      // conv7: 7×7 stride 2 padding 3, then pooling
	if stem == "inception-v4" {
		side = valid(valid(valid(size)-2) - 2)
	}
	for range units - 1 {
		side = halve(side)
	}
	return side
}

// checkBaseline refuses generated stains beside what would not see them, and options that a
// baseline has no part of.
func (v *Variant) checkBaseline() error {
	m := &v.Spec.Model
	if m.Baseline == api.BaselineNone {
		return nil
	}
	if len(v.Stains) > 0 {
		return v.fail("model.baseline", "arm %s: the baseline %s sees the source alone, and the arm has the stains %s", v.Arm, m.Baseline, strings.Join(v.Stains, ", ")).
			WithHint("give its arm stains: []")
	}
	if m.Baseline == api.BaselineFuzzyHistogram && v.Spec.Data.Normalise != api.NormaliseNone {
		return v.fail("data.normalise", "arm %s: %s counts the images' own colours", v.Arm, m.Baseline).WithHint("give its arm data.normalise: none")
	}
	return nil
}

func (v *Variant) checkRest() error {
	if v.Spec.Finetune.Select == "best" && v.Spec.Data.Labelled.Validation.None && len(v.Spec.Tasks) > 0 {
		return v.fail("finetune.select", "best chooses by validation, and data.labelled.validation is none").
			WithHint("use select: last, or give validation images")
	}
	if err := v.checkStore(v.Spec.Store); err != nil {
		return err
	}
	for _, stain := range slices.Sorted(maps.Keys(v.Spec.Generators)) {
		if err := v.checkReady(stain); err != nil {
			return err
		}
	}
	return nil
}

func (v *Variant) checkStore(s string) *fault.Error {
	if s == "" {
		return v.fail("store", "the path is empty")
	}
	if err := checkLocal(v.root.locate("store"), "store", s); err != nil {
		return err
	}
	if strings.Contains(s, `\`) {
		return v.fail("store", "%s: a backslash is no border of folders here, and would be a part of a name", shorten(s)).WithHint("write %s", shorten(strings.ReplaceAll(s, `\`, "/")))
	}
	return nil
}
