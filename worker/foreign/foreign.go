package foreign

import (
	"fmt"
	"slices"
	"strings"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/model/nn"
)

// Options are what weights do not say.
type Options struct {
	Source       string   // stain that the model takes
	Stains       []string // stains that its generators make, in their order
	Size         int      // side of its images in pixels
	Numerics     string   // class of the device
	PositiveName string   // of a classifier
	NegativeName string
}

// Model is weights under our names, with a description.
type Model struct {
	Task    api.Task
	Weights *safetensors.Encoding
	Notices []string // what was dropped or changed, one sentence each
}

// Convert recognises a state dict.
func Convert(tensors []safetensors.Tensor, o Options) (*Model, error) {
	d, err := newDict(tensors)
	if err != nil {
		return nil, err
	}
	switch {
	case d.has("classifier.head.weight"):
		return d.joint(o)
	case d.has("head.weight"):
		return d.generator(o, twinShape(d, ""), nil)
	case d.has("G_AB.head.weight"):
		d.keepPrefix("G_AB.", "the other networks of the CycleGAN were left out")
		return d.generator(o, twinShape(d, ""), nil)
	case d.has("model.1.weight"):
		shape := originalShape(d)
		return d.generator(o, shape, originalNames(shape.Blocks))
	}
	return nil, fault.New(fault.ErrData, "the weights are of no known network: %s is among their names", d.names[0]).
		WithHint("known are head.weight, …; model.1.weight, … of a CycleGAN; generators.0.head.weight, … with classifier.head.weight, …")
}

// dict is the tensors that are left to place.
type dict struct {
	names   []string // sorted, at the beginning
	tensors map[string]safetensors.Tensor
	notices []string
}

func newDict(tensors []safetensors.Tensor) (*dict, error) {
	d := &dict{tensors: map[string]safetensors.Tensor{}}
	parallel := !slices.ContainsFunc(tensors, func(t safetensors.Tensor) bool { return !strings.HasPrefix(t.Name, "module.") })
	for _, t := range tensors {
		if strings.HasSuffix(t.Name, ".num_batches_tracked") {
			continue // a count that nothing reads
		}
		if parallel {
			t.Name = strings.TrimPrefix(t.Name, "module.")
		}
		t, err := single(t)
		if err != nil {
			return nil, err
		}
		d.names = append(d.names, t.Name)
		d.tensors[t.Name] = t
	}
	slices.Sort(d.names)
	if len(d.names) == 0 {
		return nil, fault.New(fault.ErrData, "the file holds no weights")
	}
	return d, nil
}

func (d *dict) has(name string) bool { _, ok := d.tensors[name]; return ok }

// dim is a dimension of a tensor, 0 where there is none.
func (d *dict) dim(name string, i int) int {
	if t := d.tensors[name]; i < len(t.Shape) {
		return t.Shape[i]
	}
	return 0
}

// count is how many of a numbered series of tensors there are.
func (d *dict) count(format string) int {
	n := 0
	for d.has(fmt.Sprintf(format, n)) {
		n++
	}
	return n
}

// keepPrefix keeps the tensors under a prefix, and takes it off.
func (d *dict) keepPrefix(prefix, notice string) {
	kept := map[string]safetensors.Tensor{}
	for name, t := range d.tensors {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			t.Name = rest
			kept[rest] = t
		}
	}
	if len(kept) < len(d.tensors) {
		d.notices = append(d.notices, notice)
	}
	d.tensors, d.names = kept, nil
	for name := range kept {
		d.names = append(d.names, name)
	}
	slices.Sort(d.names)
}

// place takes the tensors of parameters. theirs maps our names to the file's; nil
// where they are the same. Every tensor must find its place or be of no use.
func (d *dict) place(params []nn.Param, theirs map[string]string) ([]safetensors.Tensor, error) {
	var out []safetensors.Tensor
	left := map[string]bool{}
	for _, name := range d.names {
		left[name] = true
	}
	for _, p := range params {
		name := p.Name
		if theirs != nil {
			name = theirs[name]
		}
		t, ok := d.tensors[name]
		want := nn.ExportShape(p.Shape)
		if !ok {
			return nil, fault.New(fault.ErrData, "the weights have no tensor %s, of shape %v", name, want)
		}
		if !slices.Equal(t.Shape, want) {
			return nil, misfit(name, t.Shape, want)
		}
		delete(left, name)
		t.Name = p.Name
		out = append(out, t)
	}
	return out, d.drop(left)
}

func misfit(name string, got, want []int) error {
	e := fault.New(fault.ErrData, "tensor %s has the shape %v, and this network needs %v", name, got, want)
	if len(got) == 4 && len(want) == 4 && got[2] == 3 && want[2] == 4 {
		return e.WithHint("the generator here goes up by 4x4 transposed convolutions, the original CycleGAN's by 3x3: train one with 4x4")
	}
	return e
}

// drop says what is left out without harm, and refuses the rest.
func (d *dict) drop(left map[string]bool) error {
	biases, statistics := 0, 0
	for _, name := range d.names {
		if !left[name] {
			continue
		}
		base, isBias := strings.CutSuffix(name, ".bias")
		switch {
		case isBias && len(d.tensors[base+".weight"].Shape) == 4:
			biases++ // the convolution is followed by a norm, or its bias had a place
		case strings.HasSuffix(name, ".running_mean"), strings.HasSuffix(name, ".running_var"):
			statistics++
		default:
			return fault.New(fault.ErrData, "tensor %s, of shape %v, has no place in this network", name, d.tensors[name].Shape)
		}
	}
	if biases > 0 {
		d.notices = append(d.notices, fmt.Sprintf("%d biases before a norm were dropped: they change nothing", biases))
	}
	if statistics > 0 {
		d.notices = append(d.notices, fmt.Sprintf("%d running statistics of instance norms were dropped: the statistics are each image's own", statistics))
	}
	return nil
}
