package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/model/g2c"
	"g2c/worker/infer"
	"g2c/worker/train"
)

// newTranslate is `g2c translate MODEL PATH... -o DIR`.
func newTranslate() *cobra.Command {
	var f modelFlags
	var to string
	c := &cobra.Command{
		Use:   "translate MODEL PATH... -o DIR",
		Short: "Stain images virtually: one PNG for each",
		Long: `Stain images virtually: translate images of the source stain into another.

For each image a PNG of the model's size is written below DIR, under the image's
path below its argument. A pretrained model has one stain; of a fine-tuned one,
--to chooses.

No image is written over one that is read, or into a folder that one is read from.
Images of earlier translations are replaced; other files only with --force.

` + modelHelp + "\n\n" + exitCodes,
		Args: cobra.MinimumNArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return translate(c, args[0], args[1:], to, &f) },
	}
	f.add(c)
	c.Flags().StringVar(&to, "to", "", "stain to translate to (may be left out where there is one)")
	c.Flags().StringVarP(&f.output, "output", "o", "", "folder to write to")
	addForce(c, &f.force)
	_ = c.MarkFlagRequired("output") // the flag exists
	return c
}

func translate(c *cobra.Command, model string, paths []string, to string, f *modelFlags) error {
	ctx := c.Context()
	m, err := findModel(ctx, f.store, model, api.KindPretrain, api.KindPaired, api.KindFinetune)
	if err != nil {
		return err
	}
	generator, fit, err := m.generator(to)
	if err != nil {
		return err
	}
	_, weights, err := m.weights(ctx)
	if err != nil {
		return err
	}
	images, err := openImages(ctx, paths, &f.imageFlags, generator.Size, fit)
	if err != nil {
		return err
	}
	targets, err := pngNames(f.output, images)
	if err == nil {
		err = checkTargets(images, targets, f.force)
	}
	if err != nil {
		return err
	}
	run, end, err := m.translator(generator, weights, f.device)
	if err != nil {
		return err
	}
	defer end()
	done := []translated{}
	err = run(ctx, func(g, i int, pixels []uint8) error {
		done = append(done, translated{images[g].path(i), targets[g][i]})
		return dataset.WriteMarkedPNG(targets[g][i], dataset.ToImage(generator.Size, pixels), imageMaker)
	}, setsOf(images)...)
	if err != nil {
		return err
	}
	if wantJSON(c) {
		return printJSON(done)
	}
	fmt.Fprintf(stdout, "%s in %s\n", plural(len(done), "image"), f.output)
	return nil
}

// translated is an image of `g2c translate --json`.
type translated struct {
	Path   string `json:"path"`
	Output string `json:"output"`
}

// branchGenerator is what makes a stain of a model's: a generator, or a method without one.
type branchGenerator struct {
	infer.Generator
	given bool // by a method: of the generator the size alone is set
	stain int  // its number
}

// translating gives each image of sets in another stain to use: infer.Translator.Translate.
type translating func(ctx context.Context, use func(set, i int, pixels []uint8) error, sets ...*dataset.Set) error

// translator opens what makes a stain; end frees it.
func (m *storedModel) translator(g branchGenerator, weights *safetensors.File, device string) (run translating, end func(), err error) {
	if g.given {
		run, err = m.painter(g.stain, weights)
		return run, func() {}, err
	}
	d, err := openDevice(device)
	if err != nil {
		return nil, nil, err
	}
	t, err := infer.NewTranslator(d, g.Generator, weights)
	if err != nil {
		d.Close()
		return nil, nil, err
	}
	t.Progress = imagesOf("translating")
	return t.Translate, func() { t.Close(); d.Close() }, nil
}

// painter translates to a stain that the model has by a method.
func (m *storedModel) painter(stain int, weights *safetensors.File) (translating, error) {
	f := m.task.Finetune
	branches, err := train.NewBranches(f, weights, nil)
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context, use func(set, i int, pixels []uint8) error, sets ...*dataset.Set) error {
		for g, set := range sets {
			set, err := train.Normalised(set, f.Normaliser, weights)
			if err != nil {
				return err
			}
			view, _, err := branches.View(set, stain)
			if err != nil {
				return err
			}
			for i := range view.Len() {
				if err := ctx.Err(); err != nil {
					return fault.New(fault.ErrInterrupted, "stopped at image %d of %d: %w", i, view.Len(), err)
				}
				pixels, err := view.Pixels(i)
				if err == nil {
					err = use(g, i, pixels)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	}, nil
}

// generator is what makes a stain of the model's; "" is its only one.
func (m *storedModel) generator(to string) (g branchGenerator, fit string, err error) {
	if p, ok := m.task.Translator(); ok {
		if to != "" && to != p.Stain {
			return g, "", noStain(m, to, []string{p.Stain})
		}
		return branchGenerator{Generator: infer.Generator{Shape: p.Generator, Size: p.Size, Normaliser: p.Normaliser}}, p.Fit, nil
	}
	f := m.task.Finetune
	i := slices.Index(f.Stains, to)
	switch {
	case len(f.Stains) == 0:
		return g, "", fault.New(fault.ErrSpec, "model %s has no generator: it sees %s alone", m, f.Source).WithHint("take a model of an arm with stains")
	case to == "" && len(f.Stains) > 1:
		return g, "", fault.New(fault.ErrSpec, "model %s has several generators", m).WithHint("choose one with --to: %s", strings.Join(f.Stains, ", "))
	case to == "":
		i = 0
	case i < 0:
		return g, "", noStain(m, to, f.Stains)
	}
	if !api.Network(f.Method(i)) {
		return branchGenerator{Generator: infer.Generator{Size: f.Size}, given: true, stain: i}, f.Fit, nil
	}
	return branchGenerator{Generator: infer.Generator{Shape: *f.Generator, Size: f.Size, Prefix: g2c.GeneratorNet(i) + ".", Normaliser: f.Normaliser}}, f.Fit, nil
}

func noStain(m *storedModel, to string, stains []string) error {
	return fault.New(fault.ErrSpec, "model %s does not translate to %s", m, to).WithHint("it translates to %s", strings.Join(stains, ", "))
}

// pngNames are the files to write below a folder, by argument and image; two images may
// not become one file.
func pngNames(dir string, images []namedImages) ([][]string, error) {
	from := map[string]string{}
	all := make([][]string, len(images))
	for g := range images {
		for i := range images[g].set.Len() {
			name := images[g].set.Image(i).Name
			name = strings.TrimSuffix(name, path.Ext(name)) + ".png"
			if other, taken := from[name]; taken {
				return nil, fault.New(fault.ErrSpec, "%s and %s would both be written as %s", other, images[g].path(i), name).
					WithHint("translate them into different folders")
			}
			if !filepath.IsLocal(filepath.FromSlash(name)) {
				return nil, errors.Join(fault.ErrData, fmt.Errorf("image name %q leaves its folder", name))
			}
			from[name] = images[g].path(i)
			all[g] = append(all[g], filepath.Join(dir, filepath.FromSlash(name)))
		}
	}
	return all, nil
}
