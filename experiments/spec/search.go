package spec

import (
	"slices"
	"strconv"
	"strings"

	"g2c/api"
	"g2c/experiments/search"
)

// Search asks for trials of one arm's hyper-parameters before the arms are run.
type Search struct {
	Method string `yaml:"method" default:"random" rule:"one=random|halving|tpe" doc:"how trials are proposed: random; halving, of which one in eta goes on to the next rung, with more of finetune.epochs; tpe, four at a time, where those before did well (docs/search.md)"`
	Over   Over   `yaml:"over" doc:"what is searched: paths that an arm can set, each with a list of values or a range, {min, max}, with scale: log or a step"`
	Arm    string `yaml:"arm" rule:"name" doc:"whose trials they are, at the first point of the sweep, and which is run with the winner's values at all of them; without it, the last"`
	Metric string `yaml:"metric" default:"balancedAccuracy" rule:"one=balancedAccuracy|auc" doc:"of the validation images in the selected epoch: the mean over tasks and folds"`
	Trials int    `yaml:"trials" default:"16" rule:"min=1,max=1000" unit:"configurations" doc:"that are tried at most"`
	Budget Budget `yaml:"budget"`
	Eta    int    `yaml:"eta" default:"3" rule:"min=2,max=100" doc:"halving: of so many trials one goes on"`
	Rungs  int    `yaml:"rungs" default:"3" rule:"min=2,max=10" doc:"halving: the last trains finetune.epochs, each before it one part in eta of the next"`
	Seed   uint32 `yaml:"seed" default:"0" doc:"of the proposals"`
}

// Budget bounds a search beside its trials.
type Budget struct {
	Steps int `yaml:"steps" default:"none" word:"none=0" rule:"min=1,max=1000000000000" unit:"steps" doc:"of training that all trials take at most; those that would take more are left out"`
}

// MetricAUC judges trials by the area under the ROC curve.
const MetricAUC = "auc"

// Over are the parameters of a search, by path.
type Over struct{ Params []Searched }

// Searched is a parameter: values in one line of YAML each, or a range.
type Searched struct {
	Path   string
	Values []string // nil of a range
	Range  search.Param

	parts []entry
	nodes []*node // of Values, or of the range's ends
	at    Pos
}

const overHint = "for example {finetune.lr: {min: 0.001, max: 0.1, scale: log}, finetune.batch: [8, 16]}"

func (o *Over) decode(n *node, path string) error {
	if n.kind != mappingNode || len(n.entries) == 0 {
		return n.pos.fault("%s: want paths with ranges or lists, got %s", path, n.describe()).WithHint("%s", overHint)
	}
	tree, err := expandDotted(n)
	if err != nil {
		return err
	}
	o.Params = nil
	if err := o.collect(tree, nil, path); err != nil {
		return err
	}
	slices.SortFunc(o.Params, func(a, b Searched) int { return strings.Compare(a.Path, b.Path) })
	return nil
}

// collect reads what lies below a path: a mapping with min or max is a range.
func (o *Over) collect(n *node, at []entry, path string) error {
	for _, e := range n.entries {
		parts := append(slices.Clone(at), e)
		v := e.value
		if v.kind == mappingNode && v.find("min") == nil && v.find("max") == nil && len(v.entries) > 0 {
			if err := o.collect(v, parts, path); err != nil {
				return err
			}
			continue
		}
		if long, ok := shorthand[pathString(parts)]; ok {
			var err error
			if parts, err = splitPath(long, e.pos); err != nil {
				return err
			}
		}
		s := Searched{Path: pathString(parts), parts: parts, at: e.pos}
		if err := s.read(v, join(path, s.Path)); err != nil {
			return err
		}
		o.Params = append(o.Params, s)
	}
	return nil
}

func (s *Searched) read(n *node, path string) error {
	switch {
	case s.Path == "seed" || s.Path == "stains":
		return s.at.fault("%s: %s is no hyper-parameter", path, s.Path).WithHint("the sweep varies it: sweep: {seeds: [1, 2, 3]}")
	case n.kind == listNode && len(n.items) > 0:
		for _, item := range n.items {
			text := flow(item)
			if slices.Contains(s.Values, text) {
				return item.pos.fault("%s: %s is given twice", path, shorten(text))
			}
			s.Values, s.nodes = append(s.Values, text), append(s.nodes, item)
		}
		s.Range = search.Param{Choices: len(s.Values)}
		return nil
	case n.kind == mappingNode && len(n.entries) > 0:
		return s.readRange(n, path)
	}
	return n.pos.fault("%s: want a list of values, or a range, got %s", path, n.describe()).WithHint("%s", overHint)
}

// rangeForm is a range as it is written.
type rangeForm struct {
	Min   float64 `yaml:"min"`
	Max   float64 `yaml:"max"`
	Scale string  `yaml:"scale" default:"linear" rule:"one=linear|log"`
	Step  float64 `yaml:"step" default:"0" rule:"min=0"`
}

func (s *Searched) readRange(n *node, path string) error {
	in := rangeForm{Scale: "linear"}
	if err := decodeInto(&in, n, path); err != nil {
		return err
	}
	for _, end := range []string{"min", "max"} {
		e := n.find(end)
		if e == nil {
			return n.pos.fault("%s: the range has no %s", path, end).WithHint("%s", overHint)
		}
		s.nodes = append(s.nodes, e.value)
	}
	kind := ""
	for _, row := range Table() {
		if row.Path == s.Path {
			kind = row.Kind
		}
	}
	s.Range = search.Param{Min: in.Min, Max: in.Max, Step: in.Step, Log: in.Scale == "log", Integer: strings.HasPrefix(kind, "whole number")}
	if kind != "number" && !s.Range.Integer {
		return s.at.fault("%s: a range is of numbers, and %s is none", path, s.Path).WithHint("name its values in a list")
	}
	if wrong := s.Range.CheckRange(); wrong != "" {
		return n.pos.fault("%s: %s", path, wrong)
	}
	if s.Range.Integer && in.Step != float64(int(in.Step)) {
		return n.pos.fault("%s: the step of whole numbers is one", path)
	}
	return nil
}

func (o *Over) encode() *node {
	out := &node{kind: mappingNode}
	for _, s := range o.Params {
		value := &node{kind: listNode}
		if s.Values == nil {
			value = &node{kind: mappingNode}
			put := func(name string, x float64) { value.put(name, Pos{}, plainNode(number6(x))) }
			put("min", s.Range.Min)
			put("max", s.Range.Max)
			if s.Range.Log {
				value.put("scale", Pos{}, textNode("log"))
			}
			if s.Range.Step > 0 {
				put("step", s.Range.Step)
			}
		}
		for _, v := range s.Values {
			value.items = append(value.items, plainNode(v))
		}
		out.put(s.Path, Pos{}, value)
	}
	return out
}

func number6(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

func (o *Over) words() (kind, limits string) {
	return "`PATH: [values]` or `PATH: {min, max, scale, step}`", "`scale` is `linear` or `log`"
}

func (o *Over) schema() schema {
	numeric := schema{"type": "number"}
	ranged := schema{"type": "object", "additionalProperties": false, "required": []string{"min", "max"}, "properties": schema{
		"min": numeric, "max": numeric, "step": numeric, "scale": schema{"enum": []string{"linear", "log"}},
	}}
	list := schema{"type": "array", "minItems": 1}
	nested := schema{"type": "object", "not": schema{"anyOf": []any{schema{"required": []string{"min"}}, schema{"required": []string{"max"}}}}}
	return schema{"type": "object", "minProperties": 1, "additionalProperties": schema{"anyOf": []any{list, ranged, nested}}}
}

// Value is the value of a parameter in a trial, in YAML: v is a number, or the place in the
// list.
func (s *Searched) Value(v float64) string {
	switch {
	case s.Values != nil:
		return s.Values[int(v)]
	case s.Range.Integer:
		return strconv.FormatInt(int64(v), 10)
	}
	return number6(v)
}

// Proposer is the search without the spec.
func (s *Search) Proposer() *search.Search {
	p := &search.Search{Method: s.Method, Trials: s.Trials, Seed: s.Seed, Eta: s.Eta, Rungs: s.Rungs}
	for _, o := range s.Over.Params {
		p.Space = append(p.Space, o.Range)
	}
	return p
}

// searched is the arm of the search, and the axes of the sweep.
func (f *File) searched() (*arm, []*axis, error) {
	arms, axes, err := f.product(f.root)
	if err != nil {
		return nil, nil, err
	}
	s := f.Spec.Search
	at := f.root.locate("search")
	if s.Arm == "" {
		return arms[len(arms)-1], axes, nil
	}
	for _, a := range arms {
		if a.name == s.Arm {
			return a, axes, nil
		}
	}
	var names []string
	for _, a := range arms {
		names = append(names, a.name)
	}
	return nil, nil, at.fault("search.arm: there is no arm %s", shorten(s.Arm)).WithHint("%s", suggest(s.Arm, names))
}

// SearchedArm is the name of the arm of the search.
func (f *File) SearchedArm() string {
	a, _, err := f.searched()
	if err != nil {
		panic("spec: " + err.Error()) // it was checked
	}
	return a.name
}

// Trial is the variant of a trial: the arm of the search at the first point of the sweep,
// with values in YAML in the order of Over, and so many epochs of fine-tuning, where they
// are not 0.
func (f *File) Trial(name string, values []string, epochs int) (*Variant, error) {
	edits := &node{kind: mappingNode}
	for i := range f.Spec.Search.Over.Params {
		if err := f.Spec.Search.Over.Params[i].set(edits, values[i]); err != nil {
			return nil, err
		}
	}
	if epochs > 0 {
		parts, _ := splitPath("finetune.epochs", Pos{}) // it is a path
		set(edits, parts, plainNode(strconv.Itoa(epochs)))
	}
	return f.with(name, edits)
}

func (s *Searched) set(edits *node, value string) error {
	n, err := read(s.Path, []byte(value))
	if err != nil {
		return err
	}
	n.moveTo(s.at)
	set(edits, s.parts, n)
	return nil
}

// with is the arm of the search at the first point, with edits.
func (f *File) with(name string, edits *node) (*Variant, error) {
	a, axes, err := f.searched()
	if err != nil {
		return nil, err
	}
	all := a.edits.clone()
	merge(all, edits)
	v, err := makeVariant(f.root, &arm{name: name, stains: a.stains, at: a.at, edits: all}, axes, 0)
	if err != nil {
		return nil, err
	}
	return v, v.check()
}

// Adopt is the experiment with values, as of Trial, in the arm of the search.
func (f *File) Adopt(values []string) (*File, error) {
	out := *f
	arms, _, err := f.product(f.root)
	if err != nil {
		return nil, err
	}
	name := f.SearchedArm()
	out.arms = nil
	swept := f.arms == nil
	for _, a := range arms {
		c := *a
		if c.name == name {
			c.edits = a.edits.clone()
			for i := range f.Spec.Search.Over.Params {
				if err := f.Spec.Search.Over.Params[i].set(c.edits, values[i]); err != nil {
					return nil, err
				}
			}
		}
		out.arms = append(out.arms, &c)
	}
	if swept { // the stains of the sweep are the arms now
		out.axes = f.axes[1:]
	}
	if out.Variants, err = out.expand(f.root); err != nil {
		return nil, err
	}
	for i := range out.Variants {
		out.Variants[i].Spec.Comparisons = f.Spec.Comparisons
		if err := out.Variants[i].check(); err != nil {
			return nil, err
		}
	}
	return &out, nil
}

// Rungs are the epochs of each rung of halving; nil for other methods.
func (f *File) Rungs() []int {
	s := f.Spec.Search
	if s.Method != search.Halving {
		return nil
	}
	v, err := f.with("rungs", &node{kind: mappingNode})
	if err != nil {
		panic("spec: " + err.Error()) // it was checked
	}
	out := make([]int, s.Rungs)
	epochs := v.Spec.Finetune.Epochs
	for i := len(out) - 1; i >= 0; i-- {
		out[i] = epochs
		epochs /= s.Eta
	}
	return out
}

// checkSearch refuses a search that cannot be carried out.
func (f *File) checkSearch() error {
	s := f.Spec.Search
	if s == nil {
		return nil
	}
	at := f.root.locate("search")
	if len(s.Over.Params) == 0 {
		return at.fault("search.over: the field is missing").WithHint("%s", overHint)
	}
	v, err := f.with("search", &node{kind: mappingNode})
	if err != nil {
		return err
	}
	switch {
	case len(f.Spec.Tasks) == 0:
		return at.fault("search: trials are judged by the tasks' classifiers, and the spec has no tasks")
	case v.Spec.Data.Labelled.Validation.None:
		return at.fault("search: trials are judged on validation images, and data.labelled.validation is none").
			WithHint("give it a part of train, or images of its own: the test set is not to choose by")
	}
	for i := range s.Over.Params {
		if err := f.checkSearched(&s.Over.Params[i]); err != nil {
			return err
		}
	}
	if s.Method == search.Halving {
		return f.checkHalving(v, at)
	}
	return nil
}

// checkSearched holds every value of a parameter to the rules of its field.
func (f *File) checkSearched(s *Searched) error {
	if err := checkPerArm(s.parts[0]); err != nil {
		return err
	}
	for _, x := range f.axes {
		if related(x.path, s.Path) {
			return s.at.fault("search.over: %s is varied by the sweep too", s.Path).WithHint("leave it to one of the two")
		}
	}
	for _, o := range f.Spec.Search.Over.Params {
		if o.Path != s.Path && related(o.Path, s.Path) {
			return s.at.fault("search.over: %s and %s are one field", s.Path, o.Path)
		}
	}
	if strings.HasPrefix(s.Path, "data.") {
		return s.at.fault("search.over: %s is what trials are judged on, not a hyper-parameter", s.Path).WithHint("the sweep varies it")
	}
	for _, n := range s.nodes {
		edits := &node{kind: mappingNode}
		set(edits, s.parts, n)
		if _, err := f.with("search", edits); err != nil {
			return err
		}
	}
	return nil
}

// checkHalving refuses what has no lower rungs.
func (f *File) checkHalving(v *Variant, at Pos) error {
	for _, o := range f.Spec.Search.Over.Params {
		if related(o.Path, "finetune.epochs") {
			return o.at.fault("search.over: the rungs of halving vary finetune.epochs")
		}
		if o.Path == "model.baseline" && slices.Contains(o.Values, api.BaselineFuzzyHistogram) {
			return o.at.fault("search.over: %s has no epochs, and halving has rungs of them", api.BaselineFuzzyHistogram)
		}
	}
	if v.Spec.Model.Baseline == api.BaselineFuzzyHistogram {
		return at.fault("search: %s has no epochs, and halving has rungs of them", v.Spec.Model.Baseline).WithHint("use random or tpe")
	}
	if rungs := f.Rungs(); rungs[0] < 1 {
		return at.fault("search.rungs: %d epochs are too few for %d rungs, of which each has one part in %d of the next", v.Spec.Finetune.Epochs, len(rungs), f.Spec.Search.Eta).
			WithHint("give finetune.epochs more, or search.rungs less")
	}
	return nil
}
