package report

import (
	"encoding/json"
	"fmt"
	"slices"

	"g2c/checkpoint/safetensors"
	"g2c/internal/fault"
	"g2c/model/results"
)

// Judged is what joint training made of the generators of a fine-tuning, and what they make
// of a few images.
type Judged struct {
	results.Authenticity
	results.Shown
}

// A file of these: safetensors, the numbers and names as JSON in the metadata. Images of a
// stain lie behind its name.
const (
	judgedData  = "authenticity"
	judgedNames = "names"

	judgedSource  = "source"
	beforeSuffix  = ".before"
	afterSuffix   = ".after"
	truthSuffix   = ".truth"
	maxShownSides = 4096
)

// EncodeJudged is the file.
func EncodeJudged(j *Judged) (*safetensors.Encoding, error) {
	numbers, err := json.Marshal(j.Authenticity)
	if err != nil {
		return nil, fmt.Errorf("encode authenticity: %w", err)
	}
	names, err := json.Marshal(j.Names)
	if err != nil {
		return nil, fmt.Errorf("encode authenticity: %w", err)
	}
	shape := []int{len(j.Names), j.Size, j.Size, 3}
	tensors := []safetensors.Tensor{safetensors.Uint8(judgedSource, shape, j.Source)}
	for _, s := range j.Stains {
		tensors = append(tensors, safetensors.Uint8(s.Stain+beforeSuffix, shape, s.Before), safetensors.Uint8(s.Stain+afterSuffix, shape, s.After))
		if s.Truth != nil {
			tensors = append(tensors, safetensors.Uint8(s.Stain+truthSuffix, shape, s.Truth))
		}
	}
	return safetensors.Encode(tensors, map[string]string{judgedData: string(numbers), judgedNames: string(names)})
}

// DecodeJudged reads the file; its errors are of class fault.ErrData.
func DecodeJudged(data []byte) (*Judged, error) {
	f, err := safetensors.Decode(data)
	if err != nil {
		return nil, err
	}
	j := &Judged{}
	if err := j.read(f); err != nil {
		return nil, fault.New(fault.ErrData, "authenticity: %w", err)
	}
	return j, nil
}

func (j *Judged) read(f *safetensors.File) error {
	if err := json.Unmarshal([]byte(f.Metadata[judgedData]), &j.Authenticity); err != nil {
		return err
	}
	if j.Version != results.AuthenticityVersion {
		return fmt.Errorf("version %d, this program makes version %d", j.Version, results.AuthenticityVersion)
	}
	if err := json.Unmarshal([]byte(f.Metadata[judgedNames]), &j.Names); err != nil {
		return err
	}
	source, ok := f.Tensor(judgedSource)
	if !ok || len(source.Shape) != 4 || source.Shape[1] > maxShownSides {
		return fmt.Errorf("no images of the right shape")
	}
	j.Size = source.Shape[1]
	of := func(name string, needed bool) ([]uint8, error) {
		t, ok := f.Tensor(name)
		if !ok && !needed {
			return nil, nil
		}
		if !ok || !slices.Equal(t.Shape, []int{len(j.Names), j.Size, j.Size, 3}) {
			return nil, fmt.Errorf("images %s have the shape %v, and there are %d of %d pixels", name, t.Shape, len(j.Names), j.Size)
		}
		return t.Uint8s()
	}
	var err error
	if j.Source, err = of(judgedSource, true); err != nil {
		return err
	}
	for _, g := range j.Generators {
		s := results.ShownStain{Stain: g.Stain}
		for _, x := range []struct {
			to     *[]uint8
			suffix string
		}{{&s.Before, beforeSuffix}, {&s.After, afterSuffix}, {&s.Truth, truthSuffix}} {
			if *x.to, err = of(g.Stain+x.suffix, x.suffix != truthSuffix); err != nil {
				return err
			}
		}
		j.Stains = append(j.Stains, s)
	}
	return nil
}
