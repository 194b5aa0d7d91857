package report

import (
	"encoding/json"
	"fmt"
	"slices"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
)

// Patches are the example images of one evaluation: test images, and what the model's
// generators make of them.
type Patches struct {
	Request
	Size, Stains int
	Source       []uint8 // RGB, (images,Size,Size,3), in the order of Names
	Generated    []uint8 // (images,Stains,Size,Size,3)
}

// The tensors of an evaluation in a file of examples, behind its key; the names of the
// images are metadata under the key, as a list in JSON.
const (
	sourceSuffix    = ".source"
	generatedSuffix = ".generated"
)

// EncodeExamples is the file of examples: safetensors.
func EncodeExamples(all []Patches) (*safetensors.Encoding, error) {
	var tensors []safetensors.Tensor
	names := map[string]string{}
	for _, p := range all {
		list, err := json.Marshal(p.Names)
		if err != nil {
			return nil, fmt.Errorf("encode examples: %w", err)
		}
		key := p.Evaluation.String()
		names[key] = string(list)
		tensors = append(tensors,
			safetensors.Uint8(key+sourceSuffix, []int{len(p.Names), p.Size, p.Size, 3}, p.Source),
			safetensors.Uint8(key+generatedSuffix, []int{len(p.Names), p.Stains, p.Size, p.Size, 3}, p.Generated))
	}
	return safetensors.Encode(tensors, names)
}

// DecodeExamples reads a file of examples; its errors are of class fault.ErrData.
func DecodeExamples(data []byte) ([]Patches, error) {
	f, err := safetensors.Decode(data)
	if err != nil {
		return nil, err
	}
	var all []Patches
	for text, list := range f.Metadata {
		key, err := api.ParseKey(text)
		if err != nil {
			return nil, fault.New(fault.ErrData, "examples of %q: %w", text, err)
		}
		p := Patches{Request: Request{Evaluation: key}}
		if err := json.Unmarshal([]byte(list), &p.Names); err != nil {
			return nil, fault.New(fault.ErrData, "examples of %s: names: %w", key.Short(), err)
		}
		if err := p.read(f, text); err != nil {
			return nil, fault.New(fault.ErrData, "examples of %s: %w", key.Short(), err)
		}
		all = append(all, p)
	}
	slices.SortFunc(all, func(a, b Patches) int { return a.Evaluation.Compare(b.Evaluation) })
	return all, nil
}

func (p *Patches) read(f *safetensors.File, key string) error {
	source, ok1 := f.Tensor(key + sourceSuffix)
	generated, ok2 := f.Tensor(key + generatedSuffix)
	if !ok1 || !ok2 || len(source.Shape) != 4 || len(generated.Shape) != 5 {
		return fmt.Errorf("no images of the right shape")
	}
	p.Size, p.Stains = source.Shape[1], generated.Shape[1]
	if !slices.Equal(source.Shape, []int{len(p.Names), p.Size, p.Size, 3}) ||
		!slices.Equal(generated.Shape, []int{len(p.Names), p.Stains, p.Size, p.Size, 3}) {
		return fmt.Errorf("%d names for images of shapes %v and %v", len(p.Names), source.Shape, generated.Shape)
	}
	var err error
	if p.Source, err = source.Uint8s(); err != nil {
		return err
	}
	p.Generated, err = generated.Uint8s()
	return err
}

// gallery is the example images at hand.
type gallery map[api.Key]*Patches

// Have says whether a file of examples holds all that is asked for.
func Have(all []Patches, wanted []Request) bool {
	g := hang(all)
	for _, r := range wanted {
		for _, name := range r.Names {
			if source, _ := g.images(r.Evaluation, name); source == nil {
				return false
			}
		}
	}
	return true
}

// Show hands the images of the examples to a report: those that are at hand.
func (d *Data) Show(all []Patches) { d.gallery = hang(all) }

func hang(all []Patches) gallery {
	g := gallery{}
	for i := range all {
		g[all[i].Evaluation] = &all[i]
	}
	return g
}

// images are a patch and its generated stains; nil where they are not at hand.
func (g gallery) images(evaluation api.Key, name string) (source []uint8, generated [][]uint8) {
	p := g[evaluation]
	if p == nil {
		return nil, nil
	}
	i := slices.Index(p.Names, name)
	if i < 0 {
		return nil, nil
	}
	image := 3 * p.Size * p.Size
	for k := range p.Stains {
		generated = append(generated, p.Generated[(i*p.Stains+k)*image:][:image])
	}
	return p.Source[i*image:][:image], generated
}

// size is the side of the images at hand in pixels, 0 for none.
func (g gallery) size(evaluation api.Key) int {
	if p := g[evaluation]; p != nil {
		return p.Size
	}
	return 0
}
