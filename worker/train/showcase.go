package train

import (
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/model/cyclegan"
	"g2c/model/results"
)

// showEpochs bounds the epochs that are shown, whatever the length of training.
const showEpochs = 12

var showSlots = map[string]string{
	"real_A": cyclegan.A, "fake_B": cyclegan.SampleB, "cycle_A": cyclegan.CycleA, "identity_A": cyclegan.IdentityA,
	"real_B": cyclegan.B, "fake_A": cyclegan.SampleA, "cycle_B": cyclegan.CycleB, "identity_B": cyclegan.IdentityB,
}

// sampleImages keeps sample images of a fixed few images as training goes on.
type sampleImages struct {
	size   int // side in pixels
	kinds  []string
	images map[string][]uint8 // by results.ShowName
}

func newSampleImages(size int, kinds []string) *sampleImages {
	return &sampleImages{size: size, kinds: kinds, images: map[string][]uint8{}}
}

// add appends images of a kind, in [0,1].
func (s *sampleImages) add(epoch int, kind string, pixels []float32) {
	name := results.ShowName(epoch, kind)
	s.images[name] = append(s.images[name], ToBytes(pixels)...)
}

// tell hands on those of an epoch; to may be nil.
func (s *sampleImages) tell(epoch int, to func(Samples)) {
	if to == nil {
		return
	}
	out := Samples{Epoch: epoch, Size: s.size, Images: map[string][]uint8{}}
	for _, kind := range s.kinds {
		out.Images[kind] = s.images[results.ShowName(epoch, kind)]
	}
	to(out)
}

// store brings them into a resume state.
func (s *sampleImages) store(b *bundle) {
	for name, v := range s.images {
		b.pixels(name, v)
	}
}

// restore takes those of some epochs from one.
func (s *sampleImages) restore(f *safetensors.File, shown []int) error {
	for _, epoch := range shown {
		for _, kind := range s.kinds {
			v, err := bytesOf(f, bytesPrefix+results.ShowName(epoch, kind))
			if err != nil {
				return err
			}
			s.images[results.ShowName(epoch, kind)] = append([]uint8(nil), v...)
		}
	}
	return nil
}

// showDue reports whether an epoch is shown: the first, the last, and others evenly
// between.
func showDue(epoch, epochs int) bool {
	every := (epochs + showEpochs - 1) / showEpochs
	return epoch == 0 || epoch+1 == epochs || (epoch+1)%every == 0
}

// capture runs the generators on the fixed images.
func (p *pretrainer) capture(epoch int) error {
	n := min(results.ShowImages, p.data.A.Len(), p.data.B.Len())
	batch := p.p.Batch
	if p.pixel == nil {
		p.pixel = make([]float32, len(p.fake))
	}
	image := len(p.pixel) / batch
	for from := 0; from < n; from += batch {
		if err := p.sampleBoth(from); err != nil {
			return err
		}
		for _, kind := range results.ShowKinds {
			if err := p.step.state.GetF32(showSlots[kind], p.pixel); err != nil {
				return err
			}
			p.images.add(epoch, kind, p.pixel[:min(batch, n-from)*image])
		}
	}
	return nil
}

// ToBytes rounds pixels in [0,1] to 8 bits.
func ToBytes(v []float32) []uint8 {
	out := make([]uint8, len(v))
	for i, x := range v {
		out[i] = uint8(min(max(float32(x*255)+0.5, 0), 255))
	}
	return out
}

// FromBytes is pixels in [0,1].
func FromBytes(pixels []uint8) []float32 {
	out := make([]float32, len(pixels))
	for i, v := range pixels {
		out[i] = float32(v) / 255
	}
	return out
}

// sampleBoth runs the sample program on the images of both domains from an index
// on, cropped from the centre.
func (p *pretrainer) sampleBoth(from int) error {
	for _, d := range []*domain{&p.a, &p.b} {
		if err := gather(d.batch, d.set, func(i int) int { return (from + i) % d.set.Len() }); err != nil {
			return err
		}
		centre(d.placer.place, d.placer.margin/2)
		if err := p.put(d); err != nil {
			return err
		}
	}
	if err := p.step.input.Run(); err != nil {
		return err
	}
	return p.step.sample.Run()
}

// centre places every crop of a batch in the middle, without a flip.
func centre(place []int32, margin int) {
	for i := range place {
		place[i] = 0
		if i%4 < 2 {
			place[i] = int32(margin)
		}
	}
}

// probe is what the finished generators are judged on.
func (p *pretrainer) probe() *dataset.Set {
	if p.data.Probe != nil {
		return p.data.Probe
	}
	return p.data.A
}
