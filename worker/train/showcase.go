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

// showcase keeps sample images of a fixed few images as training goes on.
type showcase struct {
	p      *pretrainer
	epochs int
	images map[string][]uint8
	pixel  []float32
}

func newShowcase(epochs int, p *pretrainer) *showcase {
	return &showcase{p: p, epochs: epochs, images: map[string][]uint8{}}
}

// due reports whether an epoch is shown: the first, the last, and others evenly
// between.
func (s *showcase) due(epoch int) bool { return showDue(epoch, s.epochs) }

// showDue is due for any number of epochs.
func showDue(epoch, epochs int) bool {
	every := (epochs + showEpochs - 1) / showEpochs
	return epoch == 0 || epoch+1 == epochs || (epoch+1)%every == 0
}

// capture runs the generators on the fixed images.
func (s *showcase) capture(epoch int) error {
	n := min(results.ShowImages, s.p.data.A.Len(), s.p.data.B.Len())
	batch := s.p.p.Batch
	for from := 0; from < n; from += batch {
		if err := s.p.sampleBoth(from); err != nil {
			return err
		}
		for _, kind := range results.ShowKinds {
			if err := s.read(epoch, kind, min(batch, n-from)); err != nil {
				return err
			}
		}
	}
	return nil
}

// tell hands on what was captured.
func (s *showcase) tell(epoch int) {
	if s.p.opt.Samples == nil {
		return
	}
	out := Samples{Epoch: epoch, Size: s.p.p.Size, Images: map[string][]uint8{}}
	for _, kind := range results.ShowKinds {
		out.Images[kind] = s.images[results.ShowName(epoch, kind)]
	}
	s.p.opt.Samples(out)
}

// read appends the first n images of a slot, as 8-bit pixels.
func (s *showcase) read(epoch int, kind string, n int) error {
	if s.pixel == nil {
		s.pixel = make([]float32, len(s.p.fake))
	}
	if err := s.p.step.state.GetF32(showSlots[kind], s.pixel); err != nil {
		return err
	}
	image := len(s.pixel) / s.p.p.Batch
	name := results.ShowName(epoch, kind)
	s.images[name] = append(s.images[name], ToBytes(s.pixel[:n*image])...)
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

func (s *showcase) fill(b *bundle) {
	for name, v := range s.images {
		b.pixels(name, v)
	}
}

func (s *showcase) restore(f *safetensors.File, shown []int) error {
	for _, epoch := range shown {
		for _, kind := range results.ShowKinds {
			v, err := bytesOf(f, bytesPrefix+results.ShowName(epoch, kind))
			if err != nil {
				return err
			}
			s.images[results.ShowName(epoch, kind)] = append([]uint8(nil), v...)
		}
	}
	return nil
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
