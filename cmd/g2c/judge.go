package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"gonum.org/v1/gonum/stat"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/model/metrics"
	"g2c/model/results"
	"g2c/worker/infer"
)

// judgeMaker is whose the figures of `g2c judge` are.
const judgeMaker = "g2c judge"

// maxJudgeRows bounds a figure.
const maxJudgeRows = 50

// newJudge is `g2c judge MODEL PATH... [-o FIGURE.png]`.
func newJudge() *cobra.Command {
	var f judgeFlags
	c := &cobra.Command{
		Use:   "judge MODEL PATH...",
		Short: "Judge a generator on images that it was not trained on, and draw the best and the worst",
		Long: `Judge a generator on images: best on some that it was not trained on.

Printed are means and standard deviations over the images: structure, the SSIM of the
grey image and its grey translation; cycle L1 and cycle SSIM, of the image and what
comes back through the generator to the source, where the store holds one (those that
were trained without pairs, by this release or later); and with --target, images of
the real stain, how far the mean colours are apart, from 0 to 1.

With -o a figure is drawn of the best images and the worst, by --by: the image, its
translation, and what comes back. --json has every image.

` + outputHelp + "\n\n" + modelHelp + "\n\n" + exitCodes,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return f.judge(c, args[0], args[1:]) },
	}
	f.add(c)
	c.Flags().StringVar(&f.to, "to", "", "stain to translate to (may be left out where there is one)")
	c.Flags().StringArrayVar(&f.targets, "target", nil, "image, folder or glob of the real stain (repeatable)")
	c.Flags().StringVar(&f.by, "by", "", "what best and worst go by: cycle or structure (default cycle where there is a way back)")
	c.Flags().IntVar(&f.rows, "rows", 4, "how many of the best images to draw, and of the worst")
	c.Flags().StringVarP(&f.output, "output", "o", "", "figure to write (FILE.png)")
	addForce(c, &f.force)
	return c
}

type judgeFlags struct {
	modelFlags
	to, by  string
	targets []string
	rows    int
}

// judgement is `g2c judge --json`.
type judgement struct {
	Stain          string          `json:"stain"`
	Images         int             `json:"images"`
	By             string          `json:"by"`
	Structure      spread          `json:"structure"`
	CycleL1        *spread         `json:"cycleL1,omitempty"`
	CycleSSIM      *spread         `json:"cycleSSIM,omitempty"`
	ColourDistance *metrics.Number `json:"colourDistance,omitempty"` // of mean colours, to --target
	Each           []judgedImage   `json:"each"`                     // the best first
}

// spread is a mean and the standard deviation of a sample.
type spread struct {
	Mean metrics.Number `json:"mean"`
	SD   metrics.Number `json:"sd"`
}

type judgedImage struct {
	Path      string          `json:"path"`
	Structure metrics.Number  `json:"structure"`
	CycleL1   *metrics.Number `json:"cycleL1,omitempty"`
	CycleSSIM *metrics.Number `json:"cycleSSIM,omitempty"`

	set, image int
}

// check refuses flags that make no sense together.
func (f *judgeFlags) check() error {
	switch {
	case f.by != "" && f.by != "cycle" && f.by != "structure":
		return fault.New(fault.ErrSpec, "--by %s is neither cycle nor structure", f.by)
	case f.rows < 1 || f.rows > maxJudgeRows:
		return fault.New(fault.ErrSpec, "--rows %d is not from 1 to %d", f.rows, maxJudgeRows)
	}
	return nil
}

func (f *judgeFlags) judge(c *cobra.Command, model string, paths []string) error {
	ctx := c.Context()
	if err := f.check(); err != nil {
		return err
	}
	m, err := findModel(ctx, f.store, model, api.KindPretrain, api.KindPaired, api.KindFinetune)
	if err != nil {
		return err
	}
	g, fit, err := m.generator(f.to)
	if err == nil && g.given {
		err = fault.New(fault.ErrSpec, "model %s makes this stain by a formula, and has no generator to judge", m)
	}
	if err != nil {
		return err
	}
	images, err := openImages(ctx, paths, &f.imageFlags, g.Size, fit)
	if err != nil {
		return err
	}
	targets, err := openImages(ctx, f.targets, &f.imageFlags, g.Size, fit)
	if err != nil {
		return err
	}
	figure := output{path: f.output, force: f.force, begins: []string{string(dataset.PNGMark(judgeMaker))}, at: dataset.PNGMarkAt}
	if f.output != "" {
		if err := figure.check(filesOf(append(images, targets...), model)...); err != nil {
			return err
		}
	}
	p, err := m.openJudged(ctx, g, f.device)
	if err != nil {
		return err
	}
	defer p.close()
	out, err := f.measure(ctx, p, images, targets)
	if err != nil {
		return err
	}
	out.Stain = p.stain
	if f.output != "" {
		sheet, err := f.draw(ctx, p, images, out)
		if err == nil {
			err = dataset.WriteMarkedPNG(f.output, sheet, judgeMaker)
		}
		if err != nil {
			return err
		}
	}
	if wantJSON(c) {
		return printJSON(out)
	}
	out.print(f.output)
	return nil
}

// judgedPair is a generator and the way back, where there is one.
type judgedPair struct {
	source, stain string
	forward, back *infer.Translator
	close         func()
}

// openJudged opens a model's generator, and the one back to the source that its pretraining
// left.
func (m *storedModel) openJudged(ctx context.Context, g branchGenerator, device string) (p *judgedPair, err error) {
	p = &judgedPair{}
	trained := m // whose the way back is
	if t, ok := m.task.Translator(); ok {
		p.source, p.stain = t.Source, t.Stain
	} else {
		f := m.task.Finetune
		p.source, p.stain = f.Source, f.Stains[g.stain]
		if trained, err = modelOfKey(ctx, m.repo, f.Generators[g.stain].String(), []api.Kind{api.KindPretrain, api.KindPaired}); errors.Is(err, fault.ErrNotFound) {
			trained, err = nil, nil
		}
		if err != nil {
			return nil, err
		}
	}
	_, weights, err := m.weights(ctx)
	if err != nil {
		return nil, err
	}
	var back *safetensors.File
	if trained != nil {
		if back, err = trained.backward(ctx); err != nil {
			return nil, err
		}
	}
	d, err := openDevice(device)
	if err != nil {
		return nil, err
	}
	var open []*infer.Translator
	p.close = func() {
		for _, t := range open {
			t.Close()
		}
		d.Close()
	}
	if p.forward, err = infer.NewTranslator(d, g.Generator, weights); err == nil {
		open = append(open, p.forward)
	}
	if err == nil && back != nil {
		if p.back, err = infer.NewTranslator(d, infer.Generator{Shape: g.Shape, Size: g.Size}, back); err == nil {
			open = append(open, p.back)
		}
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

// backward is the weights of the generator back to the source; nil where none was kept.
func (m *storedModel) backward(ctx context.Context) (*safetensors.File, error) {
	if _, ok := m.manifest.Payloads[results.Backward]; !ok {
		return nil, nil
	}
	data, err := m.repo.Payload(ctx, m.manifest, results.Backward)
	if err != nil {
		return nil, err
	}
	f, err := safetensors.Decode(data)
	if err == nil {
		err = safetensors.CheckFinite(f.Tensors)
	}
	if err != nil {
		return nil, fmt.Errorf("generator back to the source of model %s: %w", m, err)
	}
	return f, nil
}

// measure judges the images, and sorts them by how good they are.
func (f *judgeFlags) measure(ctx context.Context, p *judgedPair, images, targets []namedImages) (*judgement, error) {
	out := &judgement{By: cmp.Or(f.by, "cycle")}
	if p.back == nil {
		if f.by == "cycle" {
			return nil, fault.New(fault.ErrSpec, "--by cycle: the store has no generator back to the source").WithHint("--by structure needs none")
		}
		out.By = "structure"
	}
	total := 0
	for _, group := range images {
		total += group.set.Len()
	}
	show := imagesOf("judging")
	var made []float64 // sums of colours
	err := infer.Judge(ctx, p.forward, p.back, func(j infer.Judged) error {
		im := judgedImage{Path: images[j.Set].path(j.Image), Structure: j.Structure, set: j.Set, image: j.Image}
		if j.Back != nil {
			im.CycleL1, im.CycleSSIM = &j.CycleL1, &j.CycleSSIM
		}
		out.Each = append(out.Each, im)
		made = addColour(made, j.Made)
		show(len(out.Each), total)
		return nil
	}, setsOf(images)...)
	if err != nil {
		return nil, err
	}
	out.Images = len(out.Each)
	out.Structure = spreadOf(out.Each, func(i judgedImage) metrics.Number { return i.Structure })
	if p.back != nil {
		l1 := spreadOf(out.Each, func(i judgedImage) metrics.Number { return *i.CycleL1 })
		ssim := spreadOf(out.Each, func(i judgedImage) metrics.Number { return *i.CycleSSIM })
		out.CycleL1, out.CycleSSIM = &l1, &ssim
	}
	slices.SortStableFunc(out.Each, func(a, b judgedImage) int {
		if out.By == "cycle" {
			return cmp.Compare(*b.CycleSSIM, *a.CycleSSIM)
		}
		return cmp.Compare(b.Structure, a.Structure)
	})
	return out, out.colours(made, targets)
}

// addColour adds an image's mean colour to the sums of such, and counts it.
func addColour(sums []float64, pixels []uint8) []float64 {
	if sums == nil {
		sums = make([]float64, 4)
	}
	for i := 0; i < len(pixels); i += 3 {
		for k := range 3 {
			sums[k] += float64(pixels[i+k]) / 255
		}
	}
	sums[3] += float64(len(pixels) / 3)
	return sums
}

// colours compares the mean colour of what was made with that of the real stain.
func (j *judgement) colours(made []float64, targets []namedImages) error {
	var real []float64
	for _, group := range targets {
		for i := range group.set.Len() {
			pixels, err := group.set.Pixels(i)
			if err != nil {
				return err
			}
			real = addColour(real, pixels)
		}
	}
	if real == nil {
		return nil
	}
	mean := func(s []float64) [3]float64 { return [3]float64{s[0] / s[3], s[1] / s[3], s[2] / s[3]} }
	d := metrics.Number(metrics.ColourDistance(mean(made), mean(real)))
	j.ColourDistance = &d
	return nil
}

// spreadOf is over images; the deviation of one alone is not defined.
func spreadOf(all []judgedImage, of func(judgedImage) metrics.Number) spread {
	values := make([]float64, len(all))
	for i, im := range all {
		values[i] = float64(of(im))
	}
	mean, sd := stat.MeanStdDev(values, nil)
	return spread{metrics.Number(mean), metrics.Number(sd)}
}

// print writes the summary.
func (j *judgement) print(figure string) {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "%s\tmean\tsd\tbest\tworst\n", plural(j.Images, "image"))
	line := func(name string, s *spread, of func(judgedImage) metrics.Number, low bool) {
		if s == nil {
			return
		}
		best, worst := of(j.Each[0]), of(j.Each[0])
		for _, im := range j.Each {
			best, worst = max(best, of(im)), min(worst, of(im))
		}
		if low {
			best, worst = worst, best
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", name, shown(s.Mean), shown(s.SD), shown(best), shown(worst))
	}
	line("structure (grey SSIM)", &j.Structure, func(i judgedImage) metrics.Number { return i.Structure }, false)
	line("cycle L1", j.CycleL1, func(i judgedImage) metrics.Number { return *i.CycleL1 }, true)
	line("cycle SSIM", j.CycleSSIM, func(i judgedImage) metrics.Number { return *i.CycleSSIM }, false)
	if j.ColourDistance != nil {
		fmt.Fprintf(w, "colour distance\t%s\n", shown(*j.ColourDistance))
	}
	w.Flush()
	if figure != "" {
		fmt.Fprintf(stdout, "figure: %s\n", figure)
	}
}
