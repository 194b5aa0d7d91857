package train

import (
	"bytes"
	"encoding/json"
	"fmt"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/checkpoint/store"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/model/nn"
	"g2c/model/results"
)

// bundle is a copy, in host memory, of all that a task goes on from and of what
// it gives to others. It is filled at a step boundary and written out while the
// next steps run.
type bundle struct {
	step  int64
	epoch int // epochs done
	final bool
	as    *api.Task // whose checkpoint it is; nil: that of the task that is trained

	spec   *kernels.StateSpec
	groups map[string][]float32 // whole groups of slots
	reals  map[string][]float32 // other real numbers: image pools, best weights
	images map[string][]uint8   // sample images
	logged []byte               // what has happened so far, as JSON
	wait   func() error         // until groups are filled

	// weights gives the selected weights from the copies above.
	weights func(b *bundle) ([]safetensors.Tensor, error)
	// backward gives the weights of the generator back to the source; nil for none.
	backward func(b *bundle) ([]safetensors.Tensor, error)
	// results is the JSON of a finished task's results; nil before.
	results []byte
}

// copies is what the bundles of a task take at the least: one is filled while the other is
// saved.
func copies(spec *kernels.StateSpec, groups []string) (n int64) {
	const real = 4
	for _, g := range groups {
		t, _ := spec.Type(g)
		n += 2 * real * int64(t.Shape.Len())
	}
	return n
}

func newBundle(spec *kernels.StateSpec, groups ...string) *bundle {
	b := &bundle{spec: spec, groups: map[string][]float32{}, reals: map[string][]float32{}, images: map[string][]uint8{}}
	for _, g := range groups {
		t, ok := spec.Type(g)
		if !ok {
			panic("train: no group " + g)
		}
		b.groups[g] = make([]float32, t.Shape.Len())
	}
	return b
}

// capture copies groups of a state, and the log. The groups may still be on their way
// when it returns: payloads waits for them.
func (b *bundle) capture(s kernels.State, log any) (err error) {
	var names []string
	var to [][]float32
	for _, g := range b.spec.Groups {
		if v, ok := b.groups[g.Name]; ok {
			names, to = append(names, g.Name), append(to, v)
		}
	}
	if b.wait, err = kernels.Snapshot(s, names, to); err != nil {
		return err
	}
	b.logged, err = json.Marshal(log)
	return err
}

// real copies numbers into the bundle under a name.
func (b *bundle) real(name string, v []float32) {
	b.reals[name] = append(b.reals[name][:0], v...)
}

// pixels copies bytes into the bundle under a name.
func (b *bundle) pixels(name string, v []uint8) {
	b.images[name] = append(b.images[name][:0], v...)
}

// The prefixes of a resume file's tensors.
const (
	groupPrefix = "group."
	realPrefix  = "real."
	bytesPrefix = "bytes."
	logTensor   = "log"
)

// payloads are the files of a checkpoint.
func (b *bundle) payloads() (map[string]store.Body, error) {
	if err := b.wait(); err != nil {
		return nil, err
	}
	if err := b.finite(); err != nil {
		return nil, err
	}
	out := map[string]store.Body{}
	selected, err := b.weights(b)
	if err != nil {
		return nil, err
	}
	if out[checkpoint.Weights], err = safetensors.Encode(selected, nil); err != nil {
		return nil, err
	}
	if len(b.images) > 0 {
		if out[results.Samples], err = safetensors.Encode(b.byteTensors(""), nil); err != nil {
			return nil, err
		}
	}
	if b.final {
		out[checkpoint.Results] = bytes.NewReader(b.results)
		if b.backward == nil {
			return out, nil
		}
		back, err := b.backward(b)
		if err == nil {
			out[results.Backward], err = safetensors.Encode(back, nil)
		}
		return out, err
	}
	out[checkpoint.Resume], err = safetensors.Encode(b.resume(), nil)
	return out, err
}

// finite refuses a state that holds a number that is none. A step can leave one
// behind a loss that still was finite; stored, it would be what training goes on
// from, or a model.
func (b *bundle) finite() error {
	for _, g := range b.spec.Groups {
		v, ok := b.groups[g.Name]
		if !ok {
			continue
		}
		offsets, _ := g.Offsets()
		for i, slot := range g.Slots {
			if !allFinite(v[offsets[i]:][:slot.Type.Shape.Len()]) {
				return fault.New(fault.ErrTraining, "slot %s is not finite after step %d", slot.Name, b.step).
					WithHint("lower the learning rate or look at the data")
			}
		}
	}
	return nil
}

// allFinite reports whether no value is NaN or infinite.
func allFinite(v []float32) bool {
	for _, x := range v {
		if x-x != 0 {
			return false
		}
	}
	return true
}

func (b *bundle) byteTensors(prefix string) []safetensors.Tensor {
	var ts []safetensors.Tensor
	for name, v := range b.images {
		ts = append(ts, safetensors.Uint8(prefix+name, []int{len(v)}, v))
	}
	return ts
}

func (b *bundle) resume() []safetensors.Tensor {
	ts := append(b.byteTensors(bytesPrefix), safetensors.Uint8(logTensor, []int{len(b.logged)}, b.logged))
	for name, v := range b.groups {
		ts = append(ts, safetensors.Float32(groupPrefix+name, []int{len(v)}, v))
	}
	for name, v := range b.reals {
		ts = append(ts, safetensors.Float32(realPrefix+name, []int{len(v)}, v))
	}
	return ts
}

// restore fills a state and a log from a resume file.
func restore(data []byte, s kernels.State, log any, groups ...string) (*safetensors.File, error) {
	f, err := safetensors.Decode(data)
	if err != nil {
		return nil, err
	}
	if err := putGroups(f, s, groups...); err != nil {
		return nil, err
	}
	return f, decodeLog(f, log)
}

// putGroups fills groups of a state from a resume file.
func putGroups(f *safetensors.File, s kernels.State, groups ...string) error {
	for _, g := range groups {
		v, err := realsOf(f, groupPrefix+g)
		if err != nil {
			return err
		}
		if err := s.PutF32(g, v); err != nil {
			return fault.New(fault.ErrData, "resume state: %w", err)
		}
	}
	return nil
}

// decodeLog reads the log of a resume file.
func decodeLog(f *safetensors.File, log any) error {
	text, err := bytesOf(f, logTensor)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(text, log); err != nil {
		return fault.New(fault.ErrData, "resume state: log: %w", err)
	}
	return nil
}

func realsOf(f *safetensors.File, name string) ([]float32, error) {
	t, ok := f.Tensor(name)
	if !ok {
		return nil, fault.New(fault.ErrData, "resume state has no tensor %s", name)
	}
	return t.Float32s()
}

func bytesOf(f *safetensors.File, name string) ([]uint8, error) {
	t, ok := f.Tensor(name)
	if !ok {
		return nil, fault.New(fault.ErrData, "resume state has no tensor %s", name)
	}
	return t.Uint8s()
}

// exportGroup gives the parameters of a copied group in the layout of files,
// under new names.
func (b *bundle) exportGroup(data map[string][]float32, group string, params []nn.Param, rename func(string) string) ([]safetensors.Tensor, error) {
	var out []safetensors.Tensor
	for _, p := range params {
		_, offset, length, ok := b.spec.Place(p.Name)
		if !ok {
			return nil, fmt.Errorf("train: no slot %s", p.Name)
		}
		file := make([]float32, length)
		nn.Export(file, data[group][offset:offset+length], p.Shape)
		out = append(out, safetensors.Float32(rename(p.Name), nn.ExportShape(p.Shape), file))
	}
	return out, nil
}
