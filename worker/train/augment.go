package train

import (
	"runtime"
	"sync"

	"g2c/internal/dataset"
	"g2c/internal/philox"
	"g2c/internal/stain"
)

// placer draws where crops are taken and which way they are flipped: word 0 is
// the row, word 1 the column, words 2 and 3 the horizontal and vertical flip of
// the Philox block (step, place in the batch, 0, 0).
type placer struct {
	seed          uint32
	purpose       philox.Purpose
	margin        int // side of the image less that of the crop
	flipH, flipV  bool
	place         []int32 // four a sample: see kernels.Pixels
	jitterPurpose philox.Purpose
	jitter        []float32 // two a sample
	dropout       []float32 // what units are multiplied by, as many a sample; empty for none
}

func (p *placer) draw(t int64, batch int) {
	for i := range batch {
		w := philox.Words(p.seed, p.purpose, [4]uint32{uint32(t), uint32(i), 0, 0})
		to := p.place[4*i:][:4]
		to[0], to[1] = int32(philox.Below(w[0], p.margin+1)), int32(philox.Below(w[1], p.margin+1))
		to[2], to[3] = flip(p.flipH, w[2]), flip(p.flipV, w[3])
	}
}

func flip(on bool, w uint32) int32 {
	if on && philox.Uniform(w) >= 0.5 {
		return 1
	}
	return 0
}

// The ranges of colour jitter: factors of brightness and saturation.
// Source: reference, "Augmentation".
const (
	brightnessFrom, brightnessTo = 0.8, 1.2
	saturationFrom, saturationTo = 0.6, 1.4
)

// drawJitter draws the factors of each image: words 0 and 1 of the block (step,
// place, 0, 0), purpose Jitter.
func (p *placer) drawJitter(t int64, batch int) {
	for i := range batch {
		w := philox.Words(p.seed, p.jitterPurpose, [4]uint32{uint32(t), uint32(i), 0, 0})
		p.jitter[2*i] = between(brightnessFrom, brightnessTo, w[0])
		p.jitter[2*i+1] = between(saturationFrom, saturationTo, w[1])
	}
}

// drawDropout draws which units of each image are dropped, every second one: those that stay
// count twice. Unit u of the image at a place is word u mod 4 of the block (step, place,
// u/4, 0), purpose Dropout.
// Source: Krizhevsky et al. 2012, "dropout"; torch.nn.Dropout scales in training, as here.
func (p *placer) drawDropout(t int64, batch int) {
	units := len(p.dropout) / batch
	for i := range batch {
		to := p.dropout[i*units:][:units]
		var w [4]uint32
		for u := range to {
			if u%4 == 0 {
				w = philox.Words(p.seed, philox.Dropout, [4]uint32{uint32(t), uint32(i), uint32(u / 4), 0})
			}
			to[u] = 0
			if philox.Uniform(w[u%4]) >= 0.5 {
				to[u] = 2
			}
		}
	}
}

// stainsRange is the range of jitter in stain space: of the factors about 1, and of what is
// added to the decadic optical densities about 0.
// Source: Tellez et al. 2018, HED-light.
const stainsRange = 0.05

// stains is the jitter of an image's stains: of purpose Jitter, words 0 to 2 of the block
// (step, place, 0, 0) are the factors of haematoxylin, eosin and DAB, word 3 and words 0
// and 1 of the block (step, place, 1, 0) what is added to them.
func (p *placer) stains(t int64, place int) stain.Jitter {
	a := philox.Words(p.seed, p.jitterPurpose, [4]uint32{uint32(t), uint32(place), 0, 0})
	b := philox.Words(p.seed, p.jitterPurpose, [4]uint32{uint32(t), uint32(place), 1, 0})
	draw := func(w uint32) float64 { return float64(between(-stainsRange, stainsRange, w)) }
	return stain.Jitter{Scale: [3]float64{draw(a[0]), draw(a[1]), draw(a[2])}, Shift: [3]float64{draw(a[3]), draw(b[0]), draw(b[1])}}
}

// jitterStains jitters the images of batches, those of one place alike, on all processors.
func (p *placer) jitterStains(t int64, size int, batches ...[]uint8) {
	image := size * size * 3
	var workers sync.WaitGroup
	places := make(chan int)
	for range min(runtime.GOMAXPROCS(0), len(batches[0])/image) {
		workers.Go(func() {
			for place := range places {
				j := p.stains(t, place)
				for _, b := range batches {
					pixels := b[place*image:][:image]
					j.Apply(pixels, pixels)
				}
			}
		})
	}
	for place := range len(batches[0]) / image {
		places <- place
	}
	close(places)
	workers.Wait()
}

func between(from, to float32, w uint32) float32 {
	return from + float32((to-from)*philox.Uniform(w))
}

// gather copies images into a batch.
func gather(to []uint8, set *dataset.Set, index func(place int) int) error {
	size := set.Side() * set.Side() * 3
	for place := 0; place*size < len(to); place++ {
		if err := set.Read(to[place*size:][:size], index(place)); err != nil {
			return err
		}
	}
	return nil
}
