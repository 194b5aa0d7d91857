package draft

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"g2c/internal/dataset"
)

// looked is how many images are looked at.
const looked = 24

// pixels looks at a few images: how large they are, and, if no name says so, of which
// stain the labelled ones are.
func (f *Finding) pixels(ctx context.Context) error {
	var paths []string
	if f.Labelled != nil {
		paths = f.Labelled.sample
	} else {
		for _, s := range slices.Sorted(maps.Keys(f.Stains)) {
			for _, dir := range f.Stains[s] {
				d, err := dataset.Peek(ctx, dir)
				if err != nil {
					return err
				}
				for _, name := range d.Images[:min(len(d.Images), looked/4)] {
					paths = append(paths, filepath.Join(dir, name))
				}
			}
		}
	}
	var sides []int
	var c colours
	for i := 0; i < len(paths); i += max(1, len(paths)/looked) {
		if err := ctx.Err(); err != nil {
			return err
		}
		w, h, pix, err := dataset.Pixels(paths[i])
		if err != nil {
			f.Notes = append(f.Notes, err.Error())
			continue
		}
		sides = append(sides, min(w, h))
		c.add(pix)
	}
	if len(sides) > 0 {
		slices.Sort(sides)
		f.Side = sides[len(sides)/2]
	}
	f.source(c)
	f.slivers()
	return nil
}

// slivers leaves out of the draft's own tables what is too small to be taken, as patches at
// the border of a slide are.
func (f *Finding) slivers() {
	l := f.Labelled
	if l == nil || l.parts == nil {
		return
	}
	n, example := 0, ""
	for part, rows := range l.parts {
		l.parts[part] = slices.DeleteFunc(rows, func(row []string) bool {
			side := dataset.SideOf(row[0])
			if side == 0 || side >= size/4 {
				return false
			}
			n, example = n+1, max(example, row[0])
			if label := dataset.NFC(row[1]); l.Labels[label] > 0 {
				l.Labels[label]--
			}
			return true
		})
	}
	if n > 0 {
		f.Notes = append(f.Notes, fmt.Sprintf("left out, for a side of less than %[2]d pixels: %[1]d, such as %[3]s", n, size/4, dataset.Show(example)))
	}
}

// source guesses the stain of the labelled images, or where there are none the one that
// others are made from.
func (f *Finding) source(c colours) {
	if f.Labelled == nil {
		f.Source = Guess{slices.Sorted(maps.Keys(f.Stains))[0], "it is the first by its name", Unsure}
		if _, ok := f.Stains["PAS"]; ok {
			f.Source = Guess{"PAS", "it is the paper's", Likely}
		}
		return
	}
	parts := strings.Split(filepath.ToSlash(f.Labelled.Place), "/")
	slices.Reverse(parts)
	for _, p := range parts {
		if s, _ := stainOf(p); s != "" {
			f.Source = Guess{s, fmt.Sprintf("the name %s says so", p), Likely}
			return
		}
	}
	f.Source = c.guess()
}

// colours are those of tissue.
type colours struct {
	n, dark int
	sum     [3]int
}

func (c *colours) add(pix []uint8) {
	for i := 0; i+2 < len(pix); i += 3 * 7 { // some
		r, g, b := pix[i], pix[i+1], pix[i+2]
		if min(r, g, b) > 210 { // glass
			continue
		}
		c.n++
		if max(r, g, b) < 70 {
			c.dark++
		}
		for k, v := range [3]uint8{r, g, b} {
			c.sum[k] += int(v)
		}
	}
}

// guess is the stain by its colours, which tell silver well and the others hardly.
func (c *colours) guess() Guess {
	if c.n == 0 {
		return Guess{"PAS", "no image could be looked at", Unsure}
	}
	redder := float64(c.sum[0]-c.sum[2]) / float64(c.n)
	switch {
	case float64(c.dark) > 0.15*float64(c.n):
		return Guess{"PASM", "much of the tissue is nearly black, as silver is", Likely}
	case redder > 20:
		return Guess{"HE", "by its colours, more red than blue", Unsure}
	}
	return Guess{"PAS", "by its colours, which hardly tell", Unsure}
}
