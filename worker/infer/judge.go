package infer

import (
	"context"
	"fmt"
	"slices"

	"g2c/internal/dataset"
	"g2c/model/metrics"
	"g2c/worker/train"
)

// Judged is an image, what a generator makes of it, and what comes back through another one:
// 8-bit RGB, side×side×3 bytes each. Measures are of these bytes, on [0,1].
type Judged struct {
	Set, Image         int // which it is
	Source, Made, Back []uint8
	Structure          metrics.Number // metrics.GreySSIM of source and made
	CycleL1            metrics.Number // mean |back − source|; undefined without a way back, as CycleSSIM
	CycleSSIM          metrics.Number // metrics.SSIM of the two
}

// judgeChunk is how many images are in hand at a time.
const judgeChunk = 32

// Judge gives each image of sets to use, one after the other, as forward translates it and
// back brings it back; back may be nil. The pixels are valid until use returns. Where forward
// normalises its images, the source is the normalised one.
func Judge(ctx context.Context, forward, back *Translator, use func(Judged) error, sets ...*dataset.Set) error {
	size := forward.Size()
	for k, set := range sets {
		if forward.normaliser != nil {
			set = set.Painted(forward.normaliser)
		}
		for first := 0; first < set.Len(); first += judgeChunk {
			n := min(judgeChunk, set.Len()-first)
			chunk := make([]Judged, n)
			sources := make([][]uint8, n)
			for i := range chunk {
				pixels, err := set.Pixels(first + i)
				if err != nil {
					return err
				}
				sources[i] = slices.Clone(pixels)
				chunk[i] = Judged{Set: k, Image: first + i, Source: sources[i], CycleL1: metrics.Undefined(), CycleSSIM: metrics.Undefined()}
			}
			made, err := forward.plain(ctx, size, sources)
			if err != nil {
				return err
			}
			var returned [][]uint8
			if back != nil {
				if returned, err = back.plain(ctx, size, made); err != nil {
					return err
				}
			}
			for i := range chunk {
				if chunk[i].Made = made[i]; back != nil {
					chunk[i].Back = returned[i]
				}
				chunk[i].measure(size)
				if err := use(chunk[i]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// plain translates images as they are, whatever the generator's are normalised to.
func (t *Translator) plain(ctx context.Context, size int, images [][]uint8) (out [][]uint8, err error) {
	normaliser := t.normaliser
	t.normaliser = nil
	defer func() { t.normaliser = normaliser }()
	named := make([]dataset.Image, len(images))
	for i := range named {
		named[i].Name = fmt.Sprintf("%08d", i) // sets are in the order of names
	}
	err = t.Translate(ctx, func(_, _ int, pixels []uint8) error {
		out = append(out, slices.Clone(pixels))
		return nil
	}, dataset.New(size, named, images))
	return out, err
}

func (j *Judged) measure(size int) {
	source, made := train.FromBytes(j.Source), train.FromBytes(j.Made)
	j.Structure = metrics.Number(metrics.GreySSIM(made, source, size, size))
	if j.Back != nil {
		back := train.FromBytes(j.Back)
		j.CycleL1, j.CycleSSIM = metrics.Number(metrics.MeanAbs(back, source)), metrics.Number(metrics.SSIM(back, source, size, size))
	}
}
