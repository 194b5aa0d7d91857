package main

import (
	"context"
	"fmt"
	"image"

	"g2c/experiments/report"
	"g2c/internal/dataset"
	"g2c/worker/infer"
)

// draw is the figure of the best images and the worst, a row each.
func (f *judgeFlags) draw(ctx context.Context, p *judgedPair, images []namedImages, j *judgement) (image.Image, error) {
	heads := []string{p.source, "→ " + p.stain}
	if p.back != nil {
		heads = append(heads, "→ "+p.source)
	}
	chosen, sides := j.extremes(f.rows)
	var tiles [][][]uint8
	for _, im := range chosen {
		set := images[im.set].set
		name := set.Image(im.image).Name
		alone := set.Select(func(i dataset.Image) bool { return i.Name == name })
		err := infer.Judge(ctx, p.forward, p.back, func(j infer.Judged) error {
			row := [][]uint8{j.Source, j.Made}
			if j.Back != nil {
				row = append(row, j.Back)
			}
			tiles = append(tiles, row)
			return nil
		}, alone)
		if err != nil {
			return nil, err
		}
	}
	return report.TileSheet(heads, sides, p.forward.Size(), tiles), nil
}

// extremes are so many of the best images and of the worst, each once, with a text for each.
func (j *judgement) extremes(rows int) (chosen []judgedImage, sides []string) {
	for i, im := range j.Each {
		var side string
		switch n := len(j.Each); {
		case i < rows:
			side = fmt.Sprintf("best %d", i+1)
		case i >= n-rows:
			side = fmt.Sprintf("worst %d", n-i)
		default:
			continue
		}
		v := im.Structure
		if j.By == "cycle" {
			v = *im.CycleSSIM
		}
		chosen, sides = append(chosen, im), append(sides, fmt.Sprintf("%s: %.3f", side, float64(v)))
	}
	return chosen, sides
}
