package train

import (
	"g2c/internal/dataset"
	"g2c/internal/stain"
	"g2c/model/metrics"
	"g2c/model/results"
)

// judged are the pairs that are shown and judged: those held out, whole; where there are
// none those of training, the middle of each, and at most judgeImages.
func (p *pairer) judged() (pairs [2]*dataset.Set, split string, n int) {
	if p.data.Test[0] != nil {
		return p.data.Test, string(dataset.Test), p.data.Test[0].Len()
	}
	return p.data.Train, string(dataset.Train), min(judgeImages, p.data.Train[0].Len())
}

// judge is the results of the paired training.
func (p *pairer) judge() (any, error) {
	m, err := p.measure()
	return results.Paired{Losses: p.log.Names, Epochs: p.log.Epochs, Shown: p.log.Shown, Metrics: m}, err
}

// measure compares translations with the targets, and with them what needs no network: the
// sources as they are, and in the training targets' colours.
func (p *pairer) measure() (results.Pairs, error) {
	pairs, split, n := p.judged()
	m := results.Pairs{Split: split, Images: n}
	reinhard, ok, err := p.reinhard()
	if err != nil {
		return m, err
	}
	size := p.p.Size
	image := size * size * 3
	fakes := make([]float32, p.p.Batch*image)
	var model, source, colour likeness
	for from := 0; from < n; from += p.p.Batch {
		real, err := p.generate(pairs[0], from, size, fakes)
		if err != nil {
			return m, err
		}
		for i := 0; i < p.p.Batch && from+i < n; i++ {
			x, target := real[i*image:][:image], make([]float32, image)
			if err := centreImage(target, pairs[1], from+i, size); err != nil {
				return m, err
			}
			// As they would be written: generated images are compared as bytes, as all others are.
			model.add(FromBytes(ToBytes(fakes[i*image:][:image])), target, size)
			source.add(x, target, size)
			if ok {
				pixels := ToBytes(x)
				reinhard.Apply(pixels, pixels)
				colour.add(FromBytes(pixels), target, size)
			}
		}
	}
	m.Model, m.Source, m.Reinhard = model.mean(), source.mean(), colour.mean()
	return m, nil
}

// reinhard is the colours of the training targets; false where they have none.
func (p *pairer) reinhard() (stain.Reinhard, bool, error) {
	targets := p.data.Train[1]
	pixels, err := stain.Sample(targets.Len(), targets.Side()*targets.Side(), targets.Pixels)
	if err != nil {
		return stain.Reinhard{}, false, err
	}
	r, ok := stain.FitReinhard(pixels)
	return r, ok, nil
}

// likeness is how much images are like their targets, summed up.
type likeness struct {
	ssim, psnr float64
	n          int
}

func (l *likeness) add(x, target []float32, size int) {
	l.ssim += metrics.GreySSIM(x, target, size, size)
	l.psnr += metrics.PSNR(x, target)
	l.n++
}

// mean is over images; undefined without any, and of equal ones.
func (l *likeness) mean() results.Likeness {
	if l.n == 0 {
		return results.Likeness{SSIM: metrics.Undefined(), PSNR: metrics.Undefined()}
	}
	return results.Likeness{SSIM: metrics.Number(l.ssim / float64(l.n)), PSNR: metrics.Number(l.psnr / float64(l.n))}
}

// capture translates the fixed images.
func (p *pairer) capture(epoch int) error {
	pairs, _, n := p.judged()
	n = min(results.ShowImages, n)
	size := p.p.Size
	image := size * size * 3
	fakes, target := make([]float32, p.p.Batch*image), make([]float32, image)
	for from := 0; from < n; from += p.p.Batch {
		real, err := p.generate(pairs[0], from, size, fakes)
		if err != nil {
			return err
		}
		for i := 0; i < p.p.Batch && from+i < n; i++ {
			if err := centreImage(target, pairs[1], from+i, size); err != nil {
				return err
			}
			p.images.add(epoch, "real_A", real[i*image:][:image])
			p.images.add(epoch, "fake_B", fakes[i*image:][:image])
			p.images.add(epoch, "real_B", target)
		}
	}
	return nil
}
