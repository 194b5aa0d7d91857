package spec

import "strings"

// expand makes the variants: every arm at every point of the sweep, arms in
// their order, the last axis fastest.
func (f *File) expand(root *node) ([]Variant, error) {
	arms, axes, err := f.product(root)
	if err != nil {
		return nil, err
	}
	count := len(arms)
	for _, a := range axes {
		if count *= len(a.values); count > maxVariants {
			return nil, a.parts[0].pos.fault("sweep: more than %d variants", maxVariants).WithHint("split the sweep over several specs")
		}
	}
	var out []Variant
	for _, a := range arms {
		for point := range count / len(arms) {
			v, err := makeVariant(root, a, axes, point)
			if err != nil {
				return nil, err
			}
			out = append(out, *v)
		}
	}
	return out, nil
}

// product is the arms and axes to multiply. Without arms, each set of stains in
// the sweep is an arm, called like the paper's: PAS_ONLY, PAS_HE.
func (f *File) product(root *node) ([]*arm, []*axis, error) {
	if f.arms != nil {
		return f.arms, f.axes, f.checkProduct()
	}
	if len(f.axes) == 0 || f.axes[0].path != "stains" {
		return nil, nil, root.pos.fault("the spec has no arms").
			WithHint("name the stains to generate: arms: [{name: PAS_ONLY, stains: []}], or sweep: {stains: [[], [HE]]}")
	}
	var arms []*arm
	for i := range f.axes[0].stains {
		stains := &f.axes[0].stains[i]
		name := f.Spec.Data.Source + "_ONLY"
		if len(*stains) > 0 {
			name = f.Spec.Data.Source + "_" + strings.Join(*stains, "_")
		}
		at := f.axes[0].values[i].pos
		arms = append(arms, &arm{name: name, stains: stains, at: at, edits: &node{kind: mappingNode}})
	}
	return arms, f.axes[1:], nil
}

// checkProduct refuses arms and axes that set the same field.
func (f *File) checkProduct() error {
	swept := len(f.axes) > 0 && f.axes[0].path == "stains"
	for _, a := range f.arms {
		switch {
		case a.stains == nil && !swept:
			return a.at.fault("arm %s has no stains", a.name).WithHint("stains: [] is the source alone")
		case a.stains != nil && swept:
			return a.at.fault("arm %s has stains, which the sweep varies too", a.name).WithHint("leave them to one of the two")
		}
		for _, x := range f.axes {
			for _, l := range a.edits.leaves() {
				if path := pathString(l.path); related(path, x.path) {
					return l.path[len(l.path)-1].pos.fault("arm %s sets %s, which the sweep varies too", a.name, path).
						WithHint("leave it to one of the two")
				}
			}
		}
	}
	return nil
}

// makeVariant applies an arm and a point of the sweep: point counts in the mixed
// radix of the axes, the last one fastest.
func makeVariant(root *node, a *arm, axes []*axis, point int) (*Variant, error) {
	v := &Variant{Arm: a.name, root: root.clone(), at: a.at, Spec: Default(), Stains: []string{}}
	if a.stains != nil {
		v.Stains = append(v.Stains, *a.stains...)
	}
	merge(v.root, a.edits)
	for i := len(axes) - 1; i >= 0; i-- {
		x := axes[i]
		k := point % len(x.values)
		point /= len(x.values)
		if x.stains != nil {
			v.Stains = append([]string{}, x.stains[k]...)
			continue
		}
		set(v.root, x.parts, x.values[k])
	}
	return v, decodeInto(&v.Spec, v.root, "")
}
