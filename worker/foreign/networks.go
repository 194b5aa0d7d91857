package foreign

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/model/cyclegan"
	"g2c/model/g2c"
)

// kind is a family of networks, told by the names of their tensors.
type kind int

const (
	jointNet    kind = iota // generators.<i>.*, classifier.*
	twinNet                 // head.weight, down.0.weight, ...
	originalNet             // model.1.weight, model.4.weight, ...
)

// network is one of those that a file holds.
type network struct {
	kind   kind
	prefix string // of its tensors' names: empty, or ending in a dot
	label  string // what a user calls it: the prefix without its decoration
}

// The last names of tensors that tell a network. The original's layers are a list, called
// model where the original's class is kept.
const (
	jointMark    = g2c.ClassifierNet + ".head.weight"
	twinMark     = "head.weight"
	originalMark = "1.weight"
	originalList = "model."
)

// compiled is what torch.compile puts into names, wherever a part was compiled.
const compiled = "_orig_mod."

// decorations are parts of names that say how a network was wrapped, not which it is.
var decorations = []string{"module", "state_dict", "model_state_dict"}

// networks finds what a file holds, by name.
func (d *dict) networks() []network {
	var found []network
	for _, name := range d.names {
		n := network{}
		switch {
		case ends(name, jointMark):
			n = network{kind: jointNet, prefix: strings.TrimSuffix(name, jointMark)}
		case ends(name, twinMark) && (name == twinMark || len(d.tensors[name].Shape) == 4):
			n = network{kind: twinNet, prefix: strings.TrimSuffix(name, twinMark)}
		case ends(name, originalMark) && d.dim(name, 2) == 7 && d.dim(name, 3) == 7:
			prefix := strings.TrimSuffix(name, originalMark)
			if trimmed := strings.TrimSuffix(prefix, originalList); trimmed == "" || strings.HasSuffix(trimmed, ".") {
				prefix = trimmed
			}
			n = network{kind: originalNet, prefix: prefix}
		default:
			continue
		}
		n.label = labelOf(n.prefix)
		found = append(found, n)
	}
	whole := slices.Clone(found)
	return slices.DeleteFunc(found, func(n network) bool {
		return slices.ContainsFunc(whole, func(w network) bool { return n.kind != jointNet && w.kind == jointNet && n.partOf(w) })
	})
}

// partOf says whether a network is a part of a joint model.
func (n network) partOf(w network) bool {
	rest, ok := strings.CutPrefix(n.prefix, w.prefix)
	return ok && (strings.HasPrefix(rest, g2c.GeneratorPrefix) || strings.HasPrefix(rest, g2c.ClassifierNet+"."))
}

// ends says whether a name ends in parts.
func ends(name, parts string) bool { return name == parts || strings.HasSuffix(name, "."+parts) }

// labelOf is a prefix without decoration; "." where nothing is left.
func labelOf(prefix string) string {
	parts := strings.Split(strings.TrimSuffix(prefix, "."), ".")
	parts = slices.DeleteFunc(parts, func(p string) bool { return slices.Contains(decorations, p) })
	return cmp.Or(strings.Join(parts, "."), ".")
}

// averaged says whether a network's name says that its weights are a moving average.
func (n network) averaged() bool {
	return slices.Contains(strings.FieldsFunc(strings.ToLower(n.prefix), func(r rune) bool { return r == '.' || r == '_' || r == '-' }), "ema")
}

// choose is the network to take.
func (d *dict) choose(o Options) (network, error) {
	found := d.distinct(d.networks())
	if len(found) == 0 {
		return network{}, fault.New(fault.ErrData, "the weights are of no known network: %s is among their names", d.names[0]).
			WithHint("known are head.weight, …; model.1.weight, … of a CycleGAN; generators.0.head.weight, … with classifier.head.weight, …")
	}
	all := found
	if o.Select != "" {
		found = selected(found, o.Select)
		if len(found) == 0 {
			return network{}, fault.New(fault.ErrSpec, "the file holds no network %s; it holds %s", o.Select, labels(all)).WithHint("--select takes one of them")
		}
	}
	found, err := d.average(found, o)
	if err != nil {
		return network{}, err
	}
	if forward, ok := strings.CutSuffix(found[0].label, cyclegan.GAB); ok && len(found) == 2 && found[1].label == forward+cyclegan.GBA {
		found = found[:1] // a CycleGAN of our twin's: the forward generator
	}
	if len(found) > 1 {
		return network{}, fault.New(fault.ErrSpec, "the file holds %d networks: %s", len(found), labels(found)).WithHint("take one with --select NAME")
	}
	return found[0], nil
}

// selected are the networks of a name, or else those whose names end in it.
func selected(all []network, name string) []network {
	exact, ending := []network{}, []network{}
	for _, n := range all {
		switch {
		case n.label == name || strings.TrimSuffix(n.prefix, ".") == strings.TrimSuffix(name, "."):
			exact = append(exact, n)
		case ends(n.label, name):
			ending = append(ending, n)
		}
	}
	if len(exact) > 0 {
		return exact
	}
	return ending
}

// average keeps the networks whose weights are moving averages, or the others.
func (d *dict) average(found []network, o Options) ([]network, error) {
	var averages, plain []network
	for _, n := range found {
		if n.averaged() {
			averages = append(averages, n)
		} else {
			plain = append(plain, n)
		}
	}
	switch {
	case o.EMA && len(averages) == 0:
		return nil, fault.New(fault.ErrSpec, "no network's name says that it holds moving averages (ema): there are %s", labels(found)).WithHint("leave out --ema, or name one with --select")
	case o.EMA:
		return averages, nil
	case len(averages) > 0 && len(plain) > 0:
		d.notices = append(d.notices, fmt.Sprintf("moving averages of the weights were left out: %s; --ema takes them", labels(averages)))
		return plain, nil
	}
	return found, nil
}

// distinct leaves out networks that hold the same weights as one before: scripts keep
// the best and the last.
func (d *dict) distinct(found []network) []network {
	var out []network
	for _, n := range found {
		if !slices.ContainsFunc(out, func(o network) bool { return d.equal(n, o) }) {
			out = append(out, n)
		}
	}
	return out
}

func (d *dict) equal(a, b network) bool {
	if a.kind != b.kind {
		return false
	}
	return maps.EqualFunc(d.under(a.prefix), d.under(b.prefix), func(x, y safetensors.Tensor) bool {
		return x.DType == y.DType && slices.Equal(x.Shape, y.Shape) && string(x.Data) == string(y.Data)
	})
}

// under are the tensors below a prefix, by the rest of their names.
func (d *dict) under(prefix string) map[string]safetensors.Tensor {
	out := map[string]safetensors.Tensor{}
	for name, t := range d.tensors {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			t.Name = rest
			out[rest] = t
		}
	}
	return out
}

func labels(all []network) string {
	var out []string
	for _, n := range all {
		out = append(out, n.label)
	}
	return strings.Join(out, ", ")
}

// keep keeps a network's tensors under their own names, and says what was left out.
func (d *dict) keep(n network) {
	kept := d.under(n.prefix)
	for _, o := range d.networks() { // one may stand within another's prefix: an average beside the weights
		if inner, ok := strings.CutPrefix(o.prefix, n.prefix); ok && inner != "" {
			maps.DeleteFunc(kept, func(name string, _ safetensors.Tensor) bool { return strings.HasPrefix(name, inner) })
		}
	}
	if n.prefix != "" {
		d.notices = append(d.notices, fmt.Sprintf("the prefix %s was taken off the names", n.prefix))
	}
	if left := len(d.tensors) - len(kept); left > 0 {
		var of []string
		for _, name := range d.names {
			first, _, _ := strings.Cut(name, ".")
			rest, inside := strings.CutPrefix(name, n.prefix)
			if _, taken := kept[rest]; !(inside && taken) && !slices.Contains(of, first) {
				of = append(of, first)
			}
		}
		const some = 4
		if len(of) > some {
			of = append(of[:some], "...")
		}
		d.notices = append(d.notices, fmt.Sprintf("%d tensors beside it were left out: %s", left, strings.Join(of, ", ")))
	}
	d.tensors, d.names = kept, slices.Sorted(maps.Keys(kept))
}
