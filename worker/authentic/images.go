package authentic

import (
	"errors"
	"math"
	"strings"

	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/model/metrics"
	"g2c/model/results"
	"g2c/worker/infer"
	"g2c/worker/train"
)

// beside is what generated images of a stain are held against.
type beside struct {
	truth  []uint8    // of the same tissue; nil where nobody knows it
	real   []uint8    // other images of the stain; nil for none
	colour [3]float64 // mean of all of these
}

// looks judges images that a generator made of the source's.
func (m *measuring) looks(made []uint8, backward *safetensors.File, by beside) (results.Looks, error) {
	n, image := m.source.Len(), m.size*m.size*3
	out := results.Looks{ColourDistance: metrics.Undefined(), Checkering: checkering(made, m.size)}
	if by.real != nil {
		var colour [3]float64
		for i := range n {
			c := metrics.MeanColour(train.FromBytes(made[i*image:][:image]))
			for k := range colour {
				colour[k] += c[k] / float64(n)
			}
		}
		out.ColourDistance = metrics.Number(metrics.ColourDistance(colour, by.colour))
	}
	if by.truth != nil {
		_, ssim, psnr := compare(made, by.truth, m.size)
		out.SSIM, out.PSNR = &ssim, &psnr
	}
	if backward != nil {
		set, err := m.set(made)
		if err != nil {
			return out, err
		}
		back, err := m.translate(backward, "", set)
		if err != nil {
			return out, err
		}
		l1, ssim, _ := compare(back, m.pixels, m.size)
		out.CycleL1, out.CycleSSIM = &l1, &ssim
	}
	if m.in.Features != nil && by.real != nil {
		value, sd, err := m.in.Features.KID(m.ctx, made, by.real, m.size)
		if err != nil {
			return out, err
		}
		kid, deviation := metrics.Number(value), metrics.Number(sd)
		out.KID, out.KIDSE = &kid, &deviation
	}
	return out, nil
}

// translate runs the generator of a file under a prefix on images, in their order.
func (m *measuring) translate(w *safetensors.File, prefix string, set *dataset.Set) ([]uint8, error) {
	t, err := infer.NewTranslator(m.device, infer.Generator{Shape: *m.in.Task.Generator, Size: m.size, Prefix: prefix}, w)
	if err != nil {
		return nil, err
	}
	var out []uint8
	err = t.Translate(m.ctx, func(_, _ int, pixels []uint8) error {
		out = append(out, pixels...)
		return nil
	}, set)
	return out, errors.Join(err, t.Close())
}

// set is images in the order of the source's.
func (m *measuring) set(pixels []uint8) (*dataset.Set, error) {
	image := m.size * m.size * 3
	var list []dataset.Image
	var all [][]uint8
	for i := range m.source.Len() {
		list, all = append(list, m.source.Image(i)), append(all, pixels[i*image:][:image])
	}
	return dataset.New(m.size, list, all).Named(m.source)
}

// differences are how far images went from those before.
func (m *measuring) differences(before, after []uint8) (l1, ssim metrics.Number) {
	l1, ssim, _ = compare(after, before, m.size)
	return l1, ssim
}

// compare compares two lists of images, image by image: means over images. The peak ratio
// of lists that are equal is undefined.
func compare(a, b []uint8, size int) (l1, ssim, psnr metrics.Number) {
	image := size * size * 3
	n := len(a) / image
	for i := range n {
		x, y := train.FromBytes(a[i*image:][:image]), train.FromBytes(b[i*image:][:image])
		l1 += metrics.Number(metrics.MeanAbs(x, y))
		ssim += metrics.Number(metrics.SSIM(x, y, size, size))
		psnr += metrics.Number(metrics.PSNR(x, y))
	}
	return l1 / metrics.Number(n), ssim / metrics.Number(n), psnr / metrics.Number(n)
}

// checkering is the amplitude of what images have at period 2.
func checkering(pixels []uint8, size int) metrics.Number {
	image := size * size * 3
	sum := 0.0
	for i := range len(pixels) / image {
		sum += metrics.CheckerEnergy(train.FromBytes(pixels[i*image:][:image]), size, size)
	}
	return metrics.Number(math.Sqrt(sum / float64(len(pixels)/image)))
}

// target reads the middles of some of a stain's images, and the mean colour of all.
func target(set *dataset.Set, size int) (pixels []uint8, colour [3]float64, err error) {
	colour = train.SetColour(set)
	set = Spread(set, MaxImages)
	side := set.Side()
	if side < size {
		return nil, colour, fault.New(fault.ErrData, "real images of %d pixels, the model takes %d", side, size)
	}
	at := (side - size) / 2
	for i := range set.Len() {
		im, err := set.Pixels(i)
		if err != nil {
			return nil, colour, err
		}
		for y := range size {
			pixels = append(pixels, im[((y+at)*side+at)*3:][:size*3]...)
		}
	}
	return pixels, colour, nil
}

// drift is ‖after − before‖₂ / ‖before‖₂ of a generator's weights, which lie in one file by
// their names and in the other behind a prefix.
func drift(before, after *safetensors.File, prefix string) (metrics.Number, error) {
	var apart, whole float64
	found := false
	for _, t := range after.Tensors {
		name, ok := strings.CutPrefix(t.Name, prefix)
		if !ok {
			continue
		}
		old, ok := before.Tensor(name)
		if !ok {
			return 0, fault.New(fault.ErrData, "the pretrained generator has no tensor %s", name)
		}
		n := t.Len()
		a, b := make([]float64, n), make([]float64, n)
		if err := errors.Join(t.CopyReals(a, t.Shape), old.CopyReals(b, t.Shape)); err != nil {
			return 0, err
		}
		for i := range a {
			by := a[i] - b[i]
			apart += float64(by * by)
			whole += float64(b[i] * b[i])
		}
		found = true
	}
	if !found {
		return 0, fault.New(fault.ErrData, "the model has no generator %s", strings.TrimSuffix(prefix, "."))
	}
	if apart == 0 {
		return 0, nil
	}
	return metrics.Number(math.Sqrt(apart / whole)), nil
}

// pixelsOf are the pixels of all images, one after the other.
func pixelsOf(set *dataset.Set) ([]uint8, error) {
	image := set.Side() * set.Side() * 3
	out := make([]uint8, set.Len()*image)
	for i := range set.Len() {
		if err := set.Read(out[i*image:][:image], i); err != nil {
			return nil, err
		}
	}
	return out, nil
}
