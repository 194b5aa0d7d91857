package report

import (
	"g2c/checkpoint"
	"g2c/checkpoint/safetensors"
	"g2c/model/metrics"
	"g2c/model/results"
)

func (c *collector) samples(m *checkpoint.Manifest) (*safetensors.File, error) {
	if _, ok := m.Payloads[results.Samples]; !ok {
		return nil, nil
	}
	data, err := c.repo.Payload(c.ctx, *m, results.Samples)
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Decode(data)
	if err != nil {
		return nil, damaged(m, results.Samples, "%w", err)
	}
	return f, nil
}

// showcase reads the sample images of a generator, of some kinds; nil if it kept none.
func (c *collector) showcase(m *checkpoint.Manifest, size int, shown []int, kinds []string) (*showcase, error) {
	f, err := c.samples(m)
	if err != nil || f == nil || len(shown) == 0 {
		return nil, err
	}
	s := &showcase{size: size, epochs: shown, pixels: map[string][]uint8{}}
	for _, epoch := range shown {
		for _, kind := range kinds {
			name := results.ShowName(epoch, kind)
			v, err := pixels(m, f, name)
			if err != nil {
				return nil, err
			}
			if s.images == 0 {
				s.images = len(v) / (3 * size * size)
			}
			if len(v) != s.images*3*size*size || s.images == 0 {
				return nil, damaged(m, results.Samples, "tensor %s has %d bytes, not %d images of %d×%d pixels", name, len(v), s.images, size, size)
			}
			s.pixels[name] = v
		}
	}
	return s, nil
}

func pixels(m *checkpoint.Manifest, f *safetensors.File, name string) ([]uint8, error) {
	t, ok := f.Tensor(name)
	if !ok {
		return nil, damaged(m, results.Samples, "no tensor %s", name)
	}
	v, err := t.Uint8s()
	if err != nil {
		return nil, damaged(m, results.Samples, "%w", err)
	}
	return v, nil
}

// sortable puts what is undefined below every share.
func sortable(n metrics.Number) float64 {
	if !n.Defined() {
		return -1
	}
	return float64(n)
}
