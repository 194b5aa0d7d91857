package spec

import (
	"reflect"
	"slices"

	"g2c/api"
)

// Ready is what makes a stain in place of a pretraining: a finished model, or a method
// without training. One of the two is empty.
type Ready struct {
	Model  string // a key, a name in the store, or a path
	Method string // of api.Methods
}

// readyMethod is the mapping form of Ready.
type readyMethod struct {
	Method string `yaml:"method" rule:"one=reinhard|macenko|copy|random|truth" doc:"how the stain is made"`
}

func (r *Ready) decode(n *node, path string) error {
	if n.kind != mappingNode {
		s, err := n.str(path)
		if err != nil {
			return err
		}
		*r = Ready{Model: s}
		return checkWord(n.pos, path, s, "text")
	}
	var m readyMethod
	if err := decodeInto(&m, n, path); err != nil {
		return err
	}
	if m.Method == "" {
		return n.pos.fault("%s: the method is missing", path).WithHint("for example {method: reinhard}; a finished model is plain text")
	}
	*r = Ready{Method: m.Method}
	return nil
}

func (r *Ready) encode() *node {
	if r.Method == "" {
		return textNode(r.Model)
	}
	m := readyMethod{r.Method}
	return encodeStruct(reflect.ValueOf(&m).Elem(), whole)
}

func (r *Ready) words() (kind, limits string) {
	return "text, or `{method}`", "method: `reinhard`, `macenko`, `copy`, `random`, `truth`"
}

func (r *Ready) schema() schema {
	return schema{"anyOf": []any{
		schema{"type": "string", "minLength": 1, "maxLength": maxTextBytes},
		(&schemas{}).section(reflect.TypeFor[readyMethod](), asFile, ""),
	}}
}

// checkReady refuses what no branch can be: a path that a shell would have to read, and the
// real stain of tissue that is not the built-in world's, or is jittered.
func (v *Variant) checkReady(stain string) error {
	path, r := "generators."+stain, v.Spec.Generators[stain]
	if r.Method == "" {
		if err := checkLocal(v.root.locate(path), path, r.Model); err != nil {
			return err
		}
		return nil
	}
	if r.Method == api.MethodTruth && v.Spec.Data.Synthetic == nil {
		return v.fail(path, "truth is the real stain of synthetic tissue, and other tissue has none").
			WithHint("with data.synthetic it is the ceiling that a generator can reach; without, compare with reinhard, macenko or copy")
	}
	if r.Method == api.MethodTruth && v.Spec.Finetune.Augment != AugmentOff && slices.Contains(v.Stains, stain) {
		return v.fail(path, "arm %s: truth cannot be jittered, and finetune.augment is on", v.Arm).
			WithHint("set finetune.augment: false for this arm: jitter would make another tissue of the source than of its real stain")
	}
	return nil
}

// needsTarget says whether a stain that is ready is made out of unlabelled images.
func (r Ready) needsTarget() bool { return api.Targeted(r.Method) }

// checkNormalise asks for the images whose stain the source's are given.
func (v *Variant) checkNormalise() error {
	d := &v.Spec.Data
	if d.Normalise != api.NormaliseNone && d.Synthetic == nil && d.Unlabelled[d.Source] == nil {
		return v.fail("data.normalise", "%s gives images the stain of the unlabelled ones of %s, and there are none", d.Normalise, d.Source).
			WithHint("name some under data.unlabelled.%s; the labelled training folder can stand there as well", d.Source)
	}
	for _, stain := range v.Stains {
		if _, ready := v.Spec.Generators[stain]; d.Normalise != api.NormaliseNone && d.Paired[stain] != nil && !ready {
			return v.fail("data.normalise", "arm %s: pairs of %s are trained on as they are, and %s would show their generator other images", v.Arm, stain, d.Normalise).
				WithHint("normalise the pairs' source images before, or leave data.normalise out")
		}
	}
	return nil
}
