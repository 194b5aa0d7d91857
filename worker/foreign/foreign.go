package foreign

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/model/g2c"
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
	Select       string // the network to take of several; empty for the only one
	EMA          bool   // take the moving averages of weights, where there are both
}

// Model is weights under our names, with a description.
type Model struct {
	Task    api.Task
	Weights *safetensors.Encoding
	Notices []string // what was dropped or changed, one sentence each
}

// Convert recognises a network among the tensors of a file. Names may be paths through
// the dicts of a file: state_dict.module.head.weight.
func Convert(tensors []safetensors.Tensor, o Options) (*Model, error) {
	d, err := newDict(tensors)
	if err != nil {
		return nil, err
	}
	n, err := d.choose(o)
	if err != nil {
		return nil, err
	}
	d.keep(n)
	if err := d.widen(); err != nil {
		return nil, err
	}
	switch n.kind {
	case jointNet:
		return d.joint(o)
	case twinNet:
		return d.generator(o, twinShape(d, ""), nil)
	default:
		layers := d.originalLayers()
		return d.generator(o, layers.shape, layers.names())
	}
}

// dict is the tensors that are left to place.
type dict struct {
	names   []string // sorted, at the beginning
	tensors map[string]safetensors.Tensor
	notices []string
}

func newDict(tensors []safetensors.Tensor) (*dict, error) {
	d := &dict{tensors: map[string]safetensors.Tensor{}}
	renamed := false
	for _, t := range tensors {
		name := strings.ReplaceAll("."+t.Name, "."+compiled, ".")[1:]
		renamed = renamed || name != t.Name
		if d.has(name) {
			return nil, fault.New(fault.ErrData, "two tensors are called %s, but for what torch.compile put into the name of one", name)
		}
		t.Name = name
		d.names = append(d.names, name)
		d.tensors[name] = t
	}
	if renamed {
		d.notices = append(d.notices, compiled+" was taken out of the names, where torch.compile puts it")
	}
	slices.Sort(d.names)
	if len(d.names) == 0 {
		return nil, fault.New(fault.ErrData, "the file holds no weights")
	}
	return d, nil
}

// widen gives all tensors in float32, but for the counts that nothing reads, and refuses
// what is not finite.
func (d *dict) widen() error {
	d.names = slices.DeleteFunc(d.names, func(n string) bool { return strings.HasSuffix(n, ".num_batches_tracked") })
	for _, name := range d.names {
		t, err := single(d.tensors[name])
		if err != nil {
			return err
		}
		if err := safetensors.CheckFinite([]safetensors.Tensor{t}); err != nil {
			return err
		}
		d.tensors[name] = t
	}
	return nil
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
			return nil, fault.New(fault.ErrData, "tensor %s has the shape %v, and this network needs %v", name, t.Shape, want)
		}
		delete(left, name)
		t.Name = p.Name
		out = append(out, t)
	}
	return out, d.drop(left)
}

// drop says what is left out without harm, and refuses the rest.
func (d *dict) drop(left map[string]bool) error {
	biases, statistics, neutral := 0, 0, 0
	for _, name := range d.names {
		if !left[name] {
			continue
		}
		base, isBias := strings.CutSuffix(name, ".bias")
		generator := !strings.HasPrefix(name, g2c.ClassifierNet+".") // its norms are of the image, the classifier's are not
		switch {
		case isBias && generator && len(d.tensors[base+".weight"].Shape) == 4:
			biases++ // an instance norm follows, or the bias had a place
		case generator && (strings.HasSuffix(name, ".running_mean") || strings.HasSuffix(name, ".running_var")):
			statistics++
		case generator && d.neutral(name):
			neutral++
		case generator && len(d.tensors[name].Shape) == 1:
			return fault.New(fault.ErrData, "tensor %s, of shape %v, is of a norm with weights of its own; this network's instance norms have none", name, d.tensors[name].Shape).
				WithHint("generators with InstanceNorm2d(affine=True) or batch norm cannot be taken: train with affine=False, as the original CycleGAN does")
		default:
			return fault.New(fault.ErrData, "tensor %s, of shape %v, has no place in this network", name, d.tensors[name].Shape)
		}
	}
	if biases > 0 {
		d.notices = append(d.notices, fmt.Sprintf("%d biases before an instance norm were dropped: they change nothing", biases))
	}
	if statistics > 0 {
		d.notices = append(d.notices, fmt.Sprintf("%d running statistics of instance norms were dropped: the statistics are each image's own, as in the original CycleGAN", statistics))
	}
	if neutral > 0 {
		d.notices = append(d.notices, fmt.Sprintf("%d weights and biases of instance norms were dropped: they are all 1 and 0, and change nothing", neutral))
	}
	return nil
}

// neutral says whether a tensor is the weight or the bias of the norm behind a convolution
// in a list of layers, and changes nothing.
func (d *dict) neutral(name string) bool {
	t := d.tensors[name]
	base, weight := strings.CutSuffix(name, ".weight")
	want := float32(1)
	if !weight {
		base, want = strings.TrimSuffix(name, ".bias"), 0
	}
	list, number := base[:strings.LastIndex(base, ".")+1], base[strings.LastIndex(base, ".")+1:]
	layer, err := strconv.Atoi(number)
	if err != nil || len(t.Shape) != 1 {
		return false
	}
	before := d.tensors[fmt.Sprintf("%s%d.weight", list, layer-1)].Shape
	if len(before) != 4 || !slices.Contains(before[:2], t.Shape[0]) {
		return false
	}
	values, err := t.Float32s()
	return err == nil && !slices.ContainsFunc(values, func(v float32) bool { return v != want })
}
