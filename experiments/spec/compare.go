package spec

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Comparison is a pair of points of the experiment that the report tests against each
// other.
type Comparison struct {
	A Selector `json:"a"`
	B Selector `json:"b"`
}

// Selector picks the tasks of an arm, at every point of the sweep that has the values
// At: paths to values in normal form, as Fields writes them; of "stains", the sorted
// stains joined by plus signs.
type Selector struct {
	Arm string            `json:"arm"`
	At  map[string]string `json:"at,omitempty"`
}

// selectorWords are the short names in selectors.
var selectorWords = map[string]string{
	"blocks": "model.generator.blocks", "width": "model.generator.width", "seeds": "seed",
}

const comparisonHint = "for example {a: PAS_ONLY, b: PAS_ALL+}, or {a: {arm: PAS_ALL+, blocks: 3}, b: {arm: PAS_ALL+, blocks: 6}}"

func (c *Comparison) decode(n *node, path string) error {
	var a, b *node
	switch {
	case n.kind == listNode && len(n.items) == 2:
		a, b = n.items[0], n.items[1]
	case n.kind == mappingNode:
		for _, e := range n.entries {
			switch e.key {
			case "a":
				a = e.value
			case "b":
				b = e.value
			default:
				return e.pos.fault("%s.%s: no such field", path, shorten(e.key)).WithHint("%s", comparisonHint)
			}
		}
	}
	if a == nil || b == nil {
		return n.pos.fault("%s: want two arms, got %s", path, n.describe()).WithHint("%s", comparisonHint)
	}
	if err := c.A.decode(a, path+".a"); err != nil {
		return err
	}
	return c.B.decode(b, path+".b")
}

// decode reads a selector; the values are text until build knows the arms.
func (s *Selector) decode(n *node, path string) error {
	if n.kind == scalarNode {
		var err error
		s.Arm, err = n.str(path)
		return err
	}
	if n.kind != mappingNode {
		return n.pos.fault("%s: want an arm, got %s", path, n.describe()).WithHint("%s", comparisonHint)
	}
	edits, err := expandDotted(n)
	if err != nil {
		return err
	}
	arm := edits.take("arm")
	if arm == nil {
		return n.pos.fault("%s has no arm", path).WithHint("%s", comparisonHint)
	}
	if s.Arm, err = arm.str(path + ".arm"); err != nil {
		return err
	}
	s.At = nil
	for _, l := range edits.leaves() {
		at := pathString(l.path)
		if long := selectorWords[at]; long != "" {
			at = long
		}
		if s.At == nil {
			s.At = map[string]string{}
		}
		if s.At[at] != "" {
			return l.path[0].pos.fault("%s: %s is given twice", path, at)
		}
		s.At[at] = flow(l.value)
	}
	return nil
}

func (c *Comparison) encode() *node {
	out := &node{kind: mappingNode}
	out.put("a", Pos{}, c.A.encode())
	out.put("b", Pos{}, c.B.encode())
	return out
}

func (s *Selector) encode() *node {
	if len(s.At) == 0 {
		return textNode(s.Arm)
	}
	out := &node{kind: mappingNode}
	out.put("arm", Pos{}, textNode(s.Arm))
	for _, path := range slices.Sorted(maps.Keys(s.At)) {
		value := plainNode(s.At[path])
		if path == "stains" {
			value = textsNode(strings.FieldsFunc(s.At[path], func(r rune) bool { return r == '+' }))
		}
		out.put(path, Pos{}, value)
	}
	return out
}

func (c *Comparison) words() (kind, limits string) {
	return "`{a: ARM, b: ARM}` or `[ARM, ARM]`", "an arm's name, or `{arm: NAME, PATH: value}`"
}

func (c *Comparison) schema() schema {
	one := schema{"anyOf": []any{schema{"type": "string", "pattern": nameText}, schema{"$ref": "#/$defs/point"}}}
	return schema{"anyOf": []any{
		schema{"type": "object", "additionalProperties": false, "required": []string{"a", "b"}, "properties": schema{"a": one, "b": one}},
		schema{"type": "array", "items": one, "minItems": 2, "maxItems": 2},
	}}
}

// compare brings the selectors into normal form, and refuses those that pick nothing.
func (f *File) compare(root *node) error {
	for i := range f.Spec.Comparisons {
		c := &f.Spec.Comparisons[i]
		path := "comparisons[" + strconv.Itoa(i) + "]"
		for _, side := range []struct {
			name string
			s    *Selector
		}{{".a", &c.A}, {".b", &c.B}} {
			if err := f.choose(root, side.s, path+side.name); err != nil {
				return err
			}
		}
		if reflect.DeepEqual(c.A, c.B) {
			return root.locate(path).fault("%s: both sides are %s", path, flow(c.A.encode()))
		}
	}
	for i := range f.Variants {
		f.Variants[i].Spec.Comparisons = f.Spec.Comparisons
	}
	return nil
}

func (f *File) choose(root *node, s *Selector, path string) error {
	at := root.locate(path)
	var names []string
	for i := range f.Variants {
		if name := f.Variants[i].Arm; !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if !slices.Contains(names, s.Arm) {
		return at.fault("%s: there is no arm %s", path, shorten(s.Arm)).WithHint("%s", suggest(s.Arm, names))
	}
	for _, field := range slices.Sorted(maps.Keys(s.At)) {
		if field == "seed" {
			return at.fault("%s: arms are compared over all their seeds together, and seed names one", path).
				WithHint("a seed's own test images are those of the others: leave it out")
		}
		normal, err := normalValue(root, field, s.At[field], at)
		if err != nil {
			return err
		}
		s.At[field] = normal
	}
	if !slices.ContainsFunc(f.Variants, func(v Variant) bool { return s.picks(&v) }) {
		return at.fault("%s: arm %s has no point %s", path, s.Arm, flow(s.encode())).
			WithHint("the sweep says which points there are")
	}
	return nil
}

// picks says whether the selector chooses a variant.
func (s *Selector) picks(v *Variant) bool {
	if v.Arm != s.Arm {
		return false
	}
	for path, value := range s.At {
		is := strings.Join(v.Stains, "+")
		if path != "stains" {
			is = valueAt(&v.Spec, path, whole)
		}
		if is != value {
			return false
		}
	}
	return true
}

// normalValue is a value of a field in normal form.
func normalValue(root *node, path, text string, at Pos) (string, error) {
	n, err := read(at.File, []byte(text))
	if err != nil {
		return "", err
	}
	n.moveTo(at)
	if path == "stains" {
		list, err := readStains(n, path)
		return strings.Join(list, "+"), err
	}
	parts, err := splitPath(path, at)
	if err != nil {
		return "", err
	}
	for i := range parts {
		parts[i].pos = at
	}
	if err := checkPerArm(parts[0]); err != nil {
		return "", err
	}
	edit := &node{kind: mappingNode}
	set(edit, parts, n)
	s, err := decodeSpec(root, edit)
	if err != nil {
		return "", err
	}
	return valueAt(s, path, whole), nil
}
