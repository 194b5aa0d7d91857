package train

import (
	"g2c/internal/dataset"
	"g2c/model/cyclegan"
	"g2c/model/metrics"
	"g2c/model/results"
)

// judgeImages bounds the images that a generator is judged on.
const judgeImages = 32

// judge is the results of the pretraining.
func (p *pretrainer) judge() (any, error) {
	m, err := p.measure()
	return results.Pretrain{Losses: p.log.Names, Epochs: p.log.Epochs, Shown: p.log.Shown, Metrics: m}, err
}

// measure measures the generators on the probe, and against the truth if there is
// one.
func (p *pretrainer) measure() (results.Generator, error) {
	set, size := p.probe(), p.p.Size
	n := min(judgeImages, set.Len())
	m := results.Generator{Images: n}
	var cycle, similarity, ssim, psnr float64
	var colour [3]float64
	image := size * size * 3
	fake, back := make([]float32, len(p.fake)), make([]float32, len(p.fake))
	for from := 0; from < n; from += p.p.Batch {
		real, err := p.translate(set, from, fake, back)
		if err != nil {
			return m, err
		}
		for i := 0; i < p.p.Batch && from+i < n; i++ {
			x, y, z := real[i*image:][:image], fake[i*image:][:image], back[i*image:][:image]
			cycle += metrics.MeanAbs(z, x)
			similarity += metrics.SSIM(z, x, size, size)
			c := metrics.MeanColour(y)
			for k := range colour {
				colour[k] += c[k] / float64(n)
			}
			if p.data.Truth != nil {
				truth := make([]float32, image)
				if err := centreImage(truth, p.data.Truth, from+i, size); err != nil {
					return m, err
				}
				ssim += metrics.SSIM(y, truth, size, size)
				psnr += metrics.PSNR(y, truth)
			}
		}
	}
	mean := func(sum float64) metrics.Number { return metrics.Number(sum / float64(n)) }
	m.CycleL1, m.CycleSSIM = mean(cycle), mean(similarity)
	m.ColourDistance = metrics.Number(metrics.ColourDistance(colour, SetColour(p.data.B)))
	if p.data.Truth != nil {
		s, d := mean(ssim), mean(psnr)
		m.SSIM, m.PSNR = &s, &d
	}
	return m, nil
}

// translate runs the sample program on images from an index on and gives them,
// their translations and what comes back.
func (p *pretrainer) translate(set *dataset.Set, from int, fake, back []float32) (real []float32, err error) {
	if real, err = p.generate(set, from, p.p.Size, fake); err != nil {
		return nil, err
	}
	return real, p.step.state.GetF32(cyclegan.CycleA, back)
}

// generate runs the sample program on the middles of a batch of images from an index on, and
// gives them and what the forward generator makes of them.
func (g *ganTraining) generate(set *dataset.Set, from, size int, fake []float32) (real []float32, err error) {
	image := size * size * 3
	real = make([]float32, len(fake))
	for i := range len(fake) / image {
		if err := centreImage(real[i*image:][:image], set, min(from+i, set.Len()-1), size); err != nil {
			return nil, err
		}
	}
	if err := g.on.state.PutF32(cyclegan.A, real); err != nil {
		return nil, err
	}
	if err := g.on.sample.Run(); err != nil {
		return nil, err
	}
	return real, g.on.state.GetF32(cyclegan.SampleB, fake)
}

// centreImage is the middle of an image of a set, in [0,1].
func centreImage(to []float32, set *dataset.Set, i, size int) error {
	side := set.Side()
	at := (side - size) / 2
	pixels, err := set.Pixels(i)
	if err != nil {
		return err
	}
	for y := range size {
		row := pixels[((y+at)*side+at)*3:][:size*3]
		for x, v := range row {
			to[y*size*3+x] = float32(v) / 255
		}
	}
	return nil
}

// SetColour is the mean colour of a set, on [0,1].
func SetColour(set *dataset.Set) (c [3]float64) {
	for k, sum := range set.Colours() {
		c[k] = float64(sum) / (255 * float64(set.Len()*set.Side()*set.Side()))
	}
	return c
}
