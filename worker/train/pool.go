package train

import "g2c/internal/philox"

// imagePool keeps earlier generated images, so that a discriminator sees some of
// them too. While it fills, an image goes in and comes out. Full, it returns the
// new image or, with probability one half, a random old one in whose place the
// new one stays.
// Source: Zhu et al. 2017, after Shrivastava et al. 2017; Lua util/image_pool.lua.
type imagePool struct {
	seed    uint32
	purpose philox.Purpose
	images  []float32 // stored images, one after another
	count   int
	limit   int
	length  int // of one image
}

func newImagePool(seed uint32, purpose philox.Purpose, limit, length int) *imagePool {
	return &imagePool{seed: seed, purpose: purpose, images: make([]float32, limit*length), limit: limit, length: length}
}

// query replaces each image of a batch by what the discriminator is to see at
// step t. The draw of the image at place p is the Philox block (t, p, 0, 0): word
// 0 decides, word 1 chooses.
func (p *imagePool) query(t int64, batch []float32) {
	if p.limit == 0 {
		return
	}
	for place := 0; place*p.length < len(batch); place++ {
		image := batch[place*p.length:][:p.length]
		if p.count < p.limit {
			copy(p.at(p.count), image)
			p.count++
			continue
		}
		w := philox.Words(p.seed, p.purpose, [4]uint32{uint32(t), uint32(place), 0, 0})
		if philox.Uniform(w[0]) < 0.5 {
			continue
		}
		old := p.at(philox.Below(w[1], p.limit))
		for i, v := range image {
			image[i], old[i] = old[i], v
		}
	}
}

func (p *imagePool) at(i int) []float32 { return p.images[i*p.length:][:p.length] }

// stored is the part of the pool that is filled.
func (p *imagePool) stored() []float32 { return p.images[:p.count*p.length] }

// restore fills the pool from what stored gave.
func (p *imagePool) restore(v []float32) {
	p.count = copy(p.images, v) / p.length
}
