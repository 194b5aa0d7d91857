package report

import (
	"fmt"
	"slices"
)

// paired are the generators that were trained on pairs, and unpaired the others.
func paired(all []Generator) (paired, unpaired []Generator) {
	for _, g := range all {
		if g.Pairs != nil {
			paired = append(paired, g)
			continue
		}
		unpaired = append(unpaired, g)
	}
	return paired, unpaired
}

// AllGenerators are those of both tables.
func (p page) AllGenerators() []Generator { return byStain(p.Data.Generators) }

// HasTrainedPairs says whether a generator was judged on the pairs that it was trained on.
func (p page) HasTrainedPairs() bool {
	return slices.ContainsFunc(p.Paired, func(g Generator) bool { return g.Pairs.Split != "test" })
}

// Told is what tells a generator that was trained on pairs from others, for people.
func (g Generator) Told() string { return g.options }

// pairSheets are two figures of a generator that was trained on pairs: its images of the
// last epoch beside their targets, and the first one as training went on.
func (d *Data) pairSheets(s *showcase) []Figure {
	g := &d.Generators[s.generator]
	base := "figures/images-" + fileName(g.Name)
	last := s.epochs[len(s.epochs)-1]
	end := sheet{size: s.size, heads: []string{g.source, "→ " + g.Stain, g.Stain}}
	for i := range s.images {
		end.tiles = append(end.tiles, [][]uint8{s.of(last, "real_A", i), s.of(last, "fake_B", i), s.of(last, "real_B", i)})
	}
	of := "pairs that are held out"
	if g.Pairs.Split != "test" {
		of = "pairs that it is trained on"
	}
	return []Figure{
		{
			Path: base + "-end.png", Title: fmt.Sprintf("%s after epoch %d, on %s", g.Name, last+1, of), Bytes: end.png(),
			Alt: fmt.Sprintf("%d rows of images: real %s, its translation to %s, and the real %s of that place.", s.images, g.source, g.Stain, g.Stain),
		},
		{
			Path: base + "-epochs.png", Title: g.Name + " as training goes on", Bytes: s.pairProgress(g).png(),
			Alt: fmt.Sprintf("One %s image, its translation after several epochs from 1 to %d, and the real %s of that place.", g.source, last+1, g.Stain),
		},
	}
}

// pairProgress shows the translation of one image over the epochs.
func (s *showcase) pairProgress(g *Generator) *sheet {
	epochs := s.epochs
	if s.size > manyPixels {
		epochs = thinned(epochs, fewerEpochs)
	}
	out := &sheet{size: s.size, heads: []string{g.source}, sides: []string{g.source + " → " + g.Stain}}
	row := [][]uint8{s.of(epochs[0], "real_A", 0)}
	for _, e := range epochs {
		out.heads = append(out.heads, fmt.Sprint(e+1))
		row = append(row, s.of(e, "fake_B", 0))
	}
	out.heads = append(out.heads, g.Stain)
	out.tiles = [][][]uint8{append(row, s.of(epochs[0], "real_B", 0))}
	return out
}
