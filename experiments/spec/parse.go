package spec

import (
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"g2c/internal/fault"
)

// File is a spec that was read and checked: the base, and its variants.
type File struct {
	Spec     Spec      // before arms and sweep
	Variants []Variant // every arm, in order, at every point of the sweep

	arms []*arm // nil: one arm per set of stains in the sweep
	axes []*axis
	root *node // without arms and sweep
}

// Variant is one arm at one point of the sweep.
type Variant struct {
	Arm    string
	Stains []string // generated stains, sorted
	Spec   Spec

	root *node // for positions
	at   Pos   // of the arm
}

// Parse reads a spec, applies the edits (each path=value, the --set flags) and
// checks every variant. file is the name that errors give.
func Parse(file string, text []byte, sets ...string) (*File, error) {
	return ParseHome("", file, text, sets...)
}

// ParseHome is Parse for a user with a home directory, where paths that begin with ~/ lie.
func ParseHome(home, file string, text []byte, sets ...string) (*File, error) {
	if err := checkKind(file, text); err != nil {
		return nil, err
	}
	root, err := read(file, text)
	if err != nil {
		return nil, err
	}
	if root.kind != mappingNode {
		return nil, root.pos.fault("a spec is a mapping, not %s", root.describe())
	}
	if e := root.find("sweep"); e != nil && e.value.kind == mappingNode {
		if e.value, err = expandDotted(e.value); err != nil {
			return nil, err
		}
	}
	if e := root.find("search"); e != nil && e.value.kind == mappingNode {
		if over := e.value.find("over"); over != nil && over.value.kind == mappingNode {
			if over.value, err = expandDotted(over.value); err != nil {
				return nil, err
			}
		}
	}
	for _, s := range sets {
		if err := applySet(root, s); err != nil {
			return nil, err
		}
	}
	expandHome(root, home)
	return build(root)
}

// applySet carries out one --set flag. The value is YAML.
func applySet(root *node, flag string) error {
	shown := shorten(flag)
	if !utf8.ValidString(flag) || strings.ContainsFunc(flag, unicode.IsControl) {
		shown = strconv.QuoteToASCII(shown)
	}
	at := Pos{File: setFlag + shown}
	path, text, ok := strings.Cut(flag, "=")
	if !ok {
		return at.fault("want path=value").WithHint("for example --set finetune.epochs=3")
	}
	parts, err := splitPath(path, at)
	if err != nil {
		return err
	}
	value := &node{kind: nullNode}
	if strings.TrimSpace(text) != "" {
		if value, err = read(at.File, []byte(text)); err != nil {
			return err
		}
	}
	value.moveTo(at)
	set(root, parts, value)
	return nil
}

// moveTo gives a node and all below it one position.
func (n *node) moveTo(at Pos) {
	n.pos = at
	for _, item := range n.items {
		item.moveTo(at)
	}
	for i := range n.entries {
		n.entries[i].pos = at
		n.entries[i].value.moveTo(at)
	}
}

func build(root *node) (*File, error) {
	armsNode, sweepNode := root.take("arms"), root.take("sweep")
	f := &File{Spec: Default(), root: root}
	if err := decodeInto(&f.Spec, root, ""); err != nil {
		return nil, err
	}
	var err error
	if f.arms, err = readArms(armsNode); err != nil {
		return nil, err
	}
	if f.axes, err = readSweep(sweepNode); err != nil {
		return nil, err
	}
	if f.Variants, err = f.expand(root); err != nil {
		return nil, err
	}
	for i := range f.Variants {
		if err := f.Variants[i].check(); err != nil {
			return nil, err
		}
	}
	if err := f.compare(root); err != nil {
		return nil, err
	}
	if err := f.checkSearch(); err != nil {
		return nil, err
	}
	return f, f.normalise(root)
}

// normalise computes the normal form of arms and axes for Canonical.
func (f *File) normalise(root *node) error {
	for _, a := range f.arms {
		s, err := decodeSpec(root, a.edits)
		if err != nil {
			return err
		}
		a.normal = [2]*node{a.normalise(&f.Spec, s, whole), a.normalise(&f.Spec, s, hashed)}
	}
	for _, a := range f.axes {
		if err := a.normalise(root); err != nil {
			return err
		}
	}
	return nil
}

// decodeSpec decodes a copy of the root with edits merged in.
func decodeSpec(root *node, edits ...*node) (*Spec, error) {
	tree := root.clone()
	for _, e := range edits {
		merge(tree, e)
	}
	s := Default()
	if err := decodeInto(&s, tree, ""); err != nil {
		return nil, err
	}
	return &s, nil
}

// CheckClass refuses what the numerics class of the chosen device cannot do.
// bf16 says whether the class has mixed precision.
func (f *File) CheckClass(class string, bf16 bool) error {
	for i := range f.Variants {
		v := &f.Variants[i]
		if v.Spec.Precision == "bf16" && !bf16 {
			return v.fail("precision", "bf16 needs a CUDA device, and this is %s", class).
				WithHint("use precision fp32")
		}
	}
	return nil
}

// fail is an error about a field of a variant, at its place in the document or
// the nearest place above it.
func (v *Variant) fail(path, format string, a ...any) *fault.Error {
	err := v.root.locate(path).fault(path+": "+format, a...)
	return err
}

// locate is the position of the node at a path, or of the nearest one above.
func (n *node) locate(path string) Pos {
	parts := strings.FieldsFunc(path, func(r rune) bool { return r == '.' || r == '[' || r == ']' })
	for _, part := range parts {
		var next *node
		switch n.kind {
		case mappingNode:
			if e := n.find(part); e != nil {
				next = e.value
			}
		case listNode:
			if i := slices.Index(indices(len(n.items)), part); i >= 0 {
				next = n.items[i]
			}
		}
		if next == nil {
			return n.pos
		}
		n = next
	}
	return n.pos
}
