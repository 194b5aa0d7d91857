package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"g2c/checkpoint"
	"g2c/experiments/record"
	"g2c/experiments/report"
	"g2c/experiments/spec"
	"g2c/internal/fault"
)

// newCompare is `g2c compare A B`.
func newCompare() *cobra.Command {
	var f compareFlags
	c := &cobra.Command{
		Use:   "compare A B",
		Short: "Put two experiments side by side: how their specs differ, and what they found",
		Long: `Put two experiments side by side: how their specs differ, and what they found.

A and B are experiments of --store as ` + "`g2c ls`" + ` prints them (quickstart,
quickstart@0123456789ab), or stores with one experiment. Fields of the spec that differ
come first, then for each arm that both have the metrics of its test images, with 95 %
intervals, and the difference: of the images that both judged, image by image, over the
seeds that both have. docs/statistics.md says how. The generators come last.

-o writes a page that has the training curves of both in one figure, too.

` + outputHelp + "\n\n" + exitCodes,
		Args: cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error { return f.compare(c, args[0], args[1]) },
	}
	c.Flags().StringVar(&f.store, "store", defaultStore, storeHelp+" of the named experiments")
	c.Flags().StringVarP(&f.output, "output", "o", "", "page to write (FILE.html)")
	addForce(c, &f.force)
	return c
}

type compareFlags struct {
	store, output string
	force         bool
}

func (f *compareFlags) compare(c *cobra.Command, a, b string) error {
	page := &output{path: f.output, force: f.force, begins: []string{"<!doctype html>\n<html lang=\"en\">"}}
	if f.output != "" {
		if err := page.check(); err != nil {
			return err
		}
	}
	var sides [2]side
	for i, arg := range []string{a, b} {
		var err error
		if sides[i], err = f.side(c.Context(), arg); err != nil {
			return err
		}
	}
	names := [2]string{sides[0].id, sides[1].id}
	if names[0] == names[1] { // of two stores
		names = [2]string{inStore(sides[0].dir, names[0]), inStore(sides[1].dir, names[1])}
	}
	contrast := report.Contrasted(sides[0].data, sides[1].data, names[0], names[1], specDifferences(sides))
	if f.output != "" {
		text, err := contrast.HTML()
		if err == nil {
			err = page.write(text)
		}
		if err != nil {
			return err
		}
	}
	if wantJSON(c) {
		text, err := contrast.JSON()
		if err == nil {
			_, err = stdout.Write(text)
		}
		return err
	}
	if err := contrast.Text(stdout); err != nil {
		return err
	}
	if f.output != "" {
		fmt.Fprintf(stdout, "\npage: %s\n", f.output)
	}
	return nil
}

// side is one of the experiments that are compared.
type side struct {
	stored
	run  *record.Experiment
	data *report.Data
}

// side reads an experiment, which has to be one.
func (f *compareFlags) side(ctx context.Context, arg string) (s side, err error) {
	found, err := findExperiments(ctx, arg, f.store)
	if err != nil {
		return s, err
	}
	if len(found) != 1 {
		return s, fault.New(fault.ErrSpec, "store %s has %d experiments", arg, len(found)).WithHint("give one by its name, with --store %s; `g2c ls %s` lists them", arg, arg)
	}
	s.stored = found[0]
	from, err := openRead(ctx, s.dir)
	if err != nil {
		return s, err
	}
	if s.run, err = record.Get(ctx, from, s.id); err != nil {
		return s, err
	}
	s.data, err = report.Collect(ctx, checkpoint.New(from), s.run)
	return s, err
}

// specDifferences are the fields in which the specs of two experiments differ. A spec that
// this program does not read any more has none that are known.
func specDifferences(sides [2]side) []spec.Difference {
	var files [2]*spec.File
	home, _ := os.UserHomeDir() // as `run` has it
	for i, s := range sides {
		var err error
		if files[i], err = spec.ParseHome(home, s.id, []byte(s.run.Spec), s.run.Sets...); err != nil {
			say("warning: the spec of %s cannot be compared: %v", s.id, err)
			return []spec.Difference{}
		}
	}
	return spec.Differences(files[0], files[1])
}
