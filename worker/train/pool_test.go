package train

import (
	"slices"
	"testing"

	"g2c/internal/philox"
)

// obviousPool is the image pool as the paper's authors wrote it: one image at a
// time, a list that grows.
func obviousPool(seed uint32, limit int, t int64, place int, image []float32, list *[][]float32) []float32 {
	if len(*list) < limit {
		*list = append(*list, slices.Clone(image))
		return image
	}
	w := philox.Words(seed, philox.PoolA, [4]uint32{uint32(t), uint32(place)})
	if philox.Uniform(w[0]) < 0.5 {
		return image
	}
	i := philox.Below(w[1], limit)
	old := (*list)[i]
	(*list)[i] = slices.Clone(image)
	return old
}

func TestPoolIsTheObviousOne(t *testing.T) {
	const seed, limit, length, batch = 5, 4, 3, 2
	p := newImagePool(seed, philox.PoolA, limit, length)
	var list [][]float32
	swapped := 0
	for step := range int64(200) {
		var in, want []float32
		for place := range batch {
			image := []float32{float32(step), float32(place), 1}
			in = append(in, image...)
			want = append(want, obviousPool(seed, limit, step, place, image, &list)...)
		}
		fresh := slices.Clone(in)
		p.query(step, in)
		if !slices.Equal(in, want) {
			t.Fatalf("step %d: %v, want %v", step, in, want)
		}
		if !slices.Equal(in, fresh) {
			swapped++
		}
	}
	if swapped < 100 || swapped > 180 { // three in four steps of two images
		t.Errorf("%d of 200 steps got an old image", swapped)
	}
}

func TestPoolIsRestored(t *testing.T) {
	a := newImagePool(1, philox.PoolB, 4, 2)
	a.query(0, []float32{1, 2, 3, 4, 5, 6})
	b := newImagePool(1, philox.PoolB, 4, 2)
	b.restore(a.stored())
	for step := range int64(20) {
		x, y := []float32{float32(step), 7}, []float32{float32(step), 7}
		a.query(step, x)
		b.query(step, y)
		if !slices.Equal(x, y) {
			t.Fatalf("step %d: %v, want %v", step, y, x)
		}
	}
}

func TestNoPoolPassesImagesOn(t *testing.T) {
	p := newImagePool(1, philox.PoolA, 0, 2)
	v := []float32{1, 2}
	p.query(9, v)
	if !slices.Equal(v, []float32{1, 2}) {
		t.Errorf("%v", v)
	}
}
