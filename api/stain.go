package api

import "slices"

// Stain makes a branch of a stain without training: a colour by a formula, the source
// again, the real stain of synthetic tissue, or a generator as it is drawn.
type Stain struct {
	Origin
	Stain     string `json:"stain" f:"2" rule:"stain"`
	View      `f:"3"`
	Method    string     `json:"method" f:"5" rule:"one=reinhard|macenko|copy|random|truth"`
	Generator *Generator `json:"generator,omitempty" f:"6"` // of MethodRandom alone
	Seed      uint32     `json:"seed,omitempty" f:"7"`      // of MethodRandom; of the others 0
	Data      Key        `json:"data,omitzero" f:"8"`       // fingerprint of the target: unlabelled images of Stain; zero of methods without one
}

// How a stain is made without training.
const (
	MethodReinhard = "reinhard" // the target's mean and deviation in CIELAB
	MethodMacenko  = "macenko"  // the target's two stains
	MethodCopy     = "copy"     // the source again: what more branches do by themselves
	MethodRandom   = "random"   // a generator that was not trained
	MethodTruth    = "truth"    // the tissue's real stain; of synthetic tissue alone
)

// Methods are all of them.
var Methods = []string{MethodReinhard, MethodMacenko, MethodCopy, MethodRandom, MethodTruth}

// Targeted says whether a method reads images of the stain that it makes.
func Targeted(method string) bool { return method == MethodReinhard || method == MethodMacenko }

// Network says whether a branch of a method is a network: "" is a pretrained generator.
func Network(method string) bool { return method == "" || method == MethodRandom }

// StainTask wraps a stain.
func StainTask(class string, s Stain) Task {
	return Task{Kind: KindStain, Numerics: class, Stain: &s}
}

// Target asks for the images that the stain is taken from.
func (s *Stain) Target(where Where) DataSet {
	return DataSet{Part: PartTarget, Stain: s.Stain, Side: s.Size, Fit: s.Fit, Where: where}
}

func (s *Stain) validate(c *check) {
	c.table(s)
	c.that(s.Stain != s.Source || Targeted(s.Method), "stain %s is the source itself", s.Stain)
	c.that(Targeted(s.Method) == !s.Data.IsZero(), "method %s has a target, or lacks one", s.Method)
	c.that((s.Method == MethodRandom) == (s.Generator != nil), "a generator belongs to the method random, and to no other")
	c.that(s.Method == MethodRandom || s.Seed == 0, "method %s draws nothing, and has the seed %d", s.Method, s.Seed)
}

// Normaliser gives the source's images the stain of the unlabelled ones, before anything
// sees them.
type Normaliser struct {
	Method string `json:"method" f:"1" rule:"one=reinhard|macenko"`
	Stain  Key    `json:"stain" f:"2"` // task that took the target: unlabelled images of the source
}

// NormaliseNone leaves images as they are.
const NormaliseNone = "none"

func (n *Normaliser) validate(c *check) {
	c.that(n == nil || !n.Stain.IsZero(), "a normaliser has no target")
}

// inputs are the keys of a normaliser, none for nil.
func (n *Normaliser) inputs() []Key {
	if n == nil {
		return nil
	}
	return []Key{n.Stain}
}

// Branches says how the branches of a fine-tuning are made.
type Branches struct {
	// Methods of the stains, in their order; "" is a generator that was trained. None at all
	// where all are.
	Methods []string `json:"methods,omitempty" f:"1" was:"" level:"8"`
}

// Method is how the branch of stain i is made; "" for a generator that was trained.
func (f *Finetune) Method(i int) string {
	if len(f.Methods) == 0 {
		return ""
	}
	return f.Methods[i]
}

// Given are the stains, by number, whose images are made without a network.
func (f *Finetune) Given() []int {
	var out []int
	for i := range f.Stains {
		if !Network(f.Method(i)) {
			out = append(out, i)
		}
	}
	return out
}

// Networks is how many branches are networks.
func (f *Finetune) Networks() int { return len(f.Stains) - len(f.Given()) }

// methods holds the branches to the stains.
func (f *Finetune) methods(c *check) {
	c.that(len(f.Methods) == 0 || len(f.Methods) == len(f.Stains), "%d methods for %d stains", len(f.Methods), len(f.Stains))
	all := true
	for _, m := range f.Methods {
		all = all && m == ""
		c.that(m == "" || slices.Contains(Methods, m), "there is no method %q", m)
		c.that(m != MethodTruth || !f.Augment, "the real stain of synthetic tissue cannot be jittered")
	}
	c.that(len(f.Methods) == 0 || !all, "methods are listed, and every branch is a generator that was trained")
}
