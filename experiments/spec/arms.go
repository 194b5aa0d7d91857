package spec

import (
	"reflect"
	"slices"
	"strconv"
	"strings"
	"sync"

	"g2c/internal/field"
)

// maxVariants bounds arms × sweep: enough for 200 arms at 50 points, and read in
// seconds.
const maxVariants = 10_000

// arm is a named set of stains with edits of the spec.
type arm struct {
	name   string
	stains *[]string // nil: the sweep gives them
	at     Pos
	edits  *node    // mapping
	normal [2]*node // by form
}

// axis is a field that the sweep varies.
type axis struct {
	path   string // "stains", or a field's
	parts  []entry
	values []*node
	stains [][]string // of the axis "stains"
	normal [2]*node   // by form
}

// perArm are what an arm or the sweep may set: everything that belongs to a task.
var perArm = sync.OnceValue(func() []string {
	var names []string
	for _, f := range field.Of(reflect.TypeFor[Spec]()) {
		if !holdsForAll(&f) {
			names = append(names, f.Name)
		}
	}
	return names
})

// holdsForAll says whether a field of the root is the whole experiment's.
func holdsForAll(f *field.Field) bool {
	_, ok := f.Tag.Lookup("whole")
	return ok
}

func checkPerArm(e entry) error {
	f := field.Find(reflect.TypeFor[Spec](), e.key)
	switch {
	case f != nil && !holdsForAll(f):
		return nil
	case f != nil || e.key == "arms" || e.key == "sweep":
		return e.pos.fault("%s holds for the whole experiment: an arm or the sweep cannot set it", e.key)
	}
	return e.pos.fault("%s: no such field", shorten(e.key)).WithHint("%s", suggestPerArm(e.key))
}

func suggestPerArm(key string) string {
	if near := nearest(key, append([]string{"name", "stains"}, perArm()...)); near != "" {
		return "did you mean " + near + "?"
	}
	for _, p := range fieldPaths() {
		if strings.HasSuffix(p, "."+key) {
			return "fields are set by path: did you mean " + p + "?"
		}
	}
	return "fields are set by path: finetune.augment"
}

func readArms(n *node) ([]*arm, error) {
	if n == nil {
		return nil, nil
	}
	if n.kind != listNode || len(n.items) == 0 {
		return nil, n.pos.fault("arms: want a list of arms, got %s", n.describe()).
			WithHint("for example - {name: PAS_ONLY, stains: []}")
	}
	var arms []*arm
	for i, item := range n.items {
		a, err := readArm(item, "arms["+strconv.Itoa(i)+"]")
		if err != nil {
			return nil, err
		}
		for _, other := range arms {
			if other.name == a.name {
				return nil, a.at.fault("arm %s is given twice, first at %s", a.name, other.at)
			}
		}
		arms = append(arms, a)
	}
	return arms, nil
}

func readArm(n *node, path string) (*arm, error) {
	if n.kind != mappingNode {
		return nil, n.pos.fault("%s: want a mapping, got %s", path, n.describe()).
			WithHint("for example {name: PAS_ONLY, stains: []}")
	}
	edits, err := expandDotted(n)
	if err != nil {
		return nil, err
	}
	a := &arm{at: n.pos, edits: edits}
	nameNode := edits.take("name")
	if nameNode == nil {
		return nil, n.pos.fault("%s has no name", path)
	}
	if a.name, err = nameNode.str(path + ".name"); err != nil {
		return nil, err
	}
	if err := checkWord(nameNode.pos, path+".name", a.name, "name"); err != nil {
		return nil, err
	}
	if stains := edits.take("stains"); stains != nil {
		list, err := readStains(stains, path+".stains")
		if err != nil {
			return nil, err
		}
		a.stains = &list
	}
	for _, e := range edits.entries {
		if err := checkPerArm(e); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// readStains reads a list of stains into its normal form: sorted.
func readStains(n *node, path string) ([]string, error) {
	if n.kind != listNode {
		return nil, n.pos.fault("%s: want a list of stains, got %s", path, n.describe()).WithHint("[] is the source alone")
	}
	list := []string{}
	for _, item := range n.items {
		s, err := item.str(path)
		if err != nil {
			return nil, err
		}
		if err := checkWord(item.pos, path, s, "stain"); err != nil {
			return nil, err
		}
		if slices.Contains(list, s) {
			return nil, item.pos.fault("%s: %s is given twice", path, s)
		}
		list = append(list, s)
	}
	slices.Sort(list)
	return list, nil
}

// shorthand are the sweep's short names.
var shorthand = map[string]string{"blocks": "model.generator.blocks", "seeds": "seed"}

func readSweep(n *node) ([]*axis, error) {
	if n == nil {
		return nil, nil
	}
	if n.kind != mappingNode {
		return nil, n.pos.fault("sweep: want a mapping, got %s", n.describe()).WithHint("for example {seeds: [1, 2, 3]}")
	}
	n, err := expandDotted(n)
	if err != nil {
		return nil, err
	}
	var axes []*axis
	for _, l := range n.leaves() {
		a, err := readAxis(l.path, l.value)
		if err != nil {
			return nil, err
		}
		for _, other := range axes {
			if related(other.path, a.path) {
				return nil, l.path[0].pos.fault("sweep: %s is varied twice", a.path)
			}
		}
		axes = append(axes, a)
	}
	slices.SortFunc(axes, compareAxes)
	return axes, nil
}

// compareAxes puts stains first and seeds last, so that a plan lists the seeds
// of one setting together, and the rest by path: the order in the file says
// nothing.
func compareAxes(a, b *axis) int {
	if d := a.rank() - b.rank(); d != 0 {
		return d
	}
	return strings.Compare(a.path, b.path)
}

func (a *axis) rank() int {
	switch a.path {
	case "stains":
		return 0
	case "seed":
		return 2
	}
	return 1
}

func readAxis(path []entry, value *node) (*axis, error) {
	full := pathString(path)
	if long, ok := shorthand[full]; ok {
		parts, err := splitPath(long, Pos{File: path[0].pos.File})
		if err != nil {
			return nil, err
		}
		for i := range parts {
			parts[i].pos = path[0].pos
		}
		path, full = parts, long
	}
	a := &axis{path: full, parts: path, values: value.items}
	if value.kind != listNode || len(value.items) == 0 {
		return nil, value.pos.fault("sweep: %s: want a list of values, got %s", full, value.describe())
	}
	if full != "stains" {
		return a, checkPerArm(path[0])
	}
	for _, item := range value.items {
		list, err := readStains(item, "sweep: stains")
		if err != nil {
			return nil, err
		}
		a.stains = append(a.stains, list)
	}
	return a, nil
}

// normalise writes the axis's values as they decode, in both forms, and refuses one
// given twice.
func (a *axis) normalise(root *node) error {
	a.normal = [2]*node{{kind: listNode}, {kind: listNode}}
	seen := map[string]bool{}
	for i, n := range a.values {
		text := [2]string{}
		if a.stains != nil {
			text[whole] = flow(textsNode(a.stains[i]))
			text[hashed] = text[whole]
		} else {
			s, err := a.decode(root, n)
			if err != nil {
				return err
			}
			text = [2]string{valueAt(s, a.path, whole), valueAt(s, a.path, hashed)}
		}
		if seen[text[whole]] {
			return n.pos.fault("sweep: %s: %s is given twice", a.path, shorten(text[whole]))
		}
		seen[text[whole]] = true
		for as := range a.normal {
			a.normal[as].items = append(a.normal[as].items, plainNode(text[as]))
		}
	}
	return nil
}

// decode is the base with one of the axis's values.
func (a *axis) decode(root, value *node) (*Spec, error) {
	edit := &node{kind: mappingNode}
	set(edit, a.parts, value)
	return decodeSpec(root, edit)
}

// valueAt is the value of a field, of a part of it, or of all fields below a path, in
// one line. What is hashed has always had the whole field in place of a part.
func valueAt(s *Spec, path string, as form) string {
	var parts []string
	for _, f := range fieldsIn(s, as) {
		if f.Path == path {
			return f.Value
		}
		if part, ok := strings.CutPrefix(path, f.Path+"."); ok {
			if as == hashed {
				return f.Value
			}
			return partOf(f, part)
		}
		if below, ok := strings.CutPrefix(f.Path, path+"."); ok {
			parts = append(parts, below+": "+f.Value)
		}
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// partOf is the part of a field's value at a path below it.
func partOf(f Field, path string) string {
	n, err := read(f.Path, []byte(f.Value))
	if err != nil {
		return f.Value
	}
	for _, name := range strings.Split(path, ".") {
		e := n.find(name)
		if e == nil {
			return f.Value
		}
		n = e.value
	}
	return flow(n)
}

// Axes are the paths that the sweep varies, but for stains, which make arms.
func (f *File) Axes() []string {
	var paths []string
	for _, a := range f.axes {
		if a.stains == nil {
			paths = append(paths, a.path)
		}
	}
	return paths
}

// ValueAt is the value of a field, or of all fields below a path, in one line of YAML.
func ValueAt(s *Spec, path string) string { return valueAt(s, path, whole) }

func indices(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = strconv.Itoa(i)
	}
	return out
}
