package main

import (
	"fmt"
	"os"
	"path/filepath"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"g2c/experiments/synthetic"
	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// newData is `g2c data`.
func newData() *cobra.Command {
	c := &cobra.Command{Use: "data", Short: "Look at, draw, split and import data: inspect, synth, split, import"}
	c.AddCommand(newDataInspect(), newDataSynth(), newDataSplit(), newDataImport())
	asGroup(c)
	return c
}

// newDataSynth is `g2c data synth DIR`.
func newDataSynth() *cobra.Command {
	config := synthetic.Config{Patients: 12, Patches: 12, Seed: 1}
	source, size := "PAS", 64
	c := &cobra.Command{
		Use:   "synth DIR",
		Short: "Draw the built-in kidney world as folders of images",
		Long: `Draw the built-in kidney world as a user's own data would lie:

  DIR/unlabelled/STAIN/…        patches of each stain, of patients of their own
  DIR/labelled/SPLIT/CLASS/…    patches of the source stain
  DIR/labels.csv                path,label,patient of the labelled ones

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := mustBeNew(args[0]); err != nil {
				return err
			}
			if err := synthetic.Write(args[0], config, synthetic.Stain(source), size); err != nil {
				return err
			}
			if wantJSON(c) {
				return printJSON(map[string]any{"dir": args[0], "patients": config.Patients, "patches": config.Patches, "seed": config.Seed, "size": size, "pattern": synthetic.GroupPattern})
			}
			fmt.Fprintf(stdout, "%s: %d labelled patches of %d patients\n", args[0], config.Patients*config.Patches, config.Patients)
			fmt.Fprintf(stdout, "in a spec: data.labelled.group: {pattern: '%s'}\n", synthetic.GroupPattern)
			return nil
		},
	}
	c.Flags().IntVar(&config.Patients, "patients", config.Patients, "patients with labelled patches")
	c.Flags().IntVar(&config.Patches, "patches", config.Patches, "patches of each patient")
	c.Flags().Uint32Var(&config.Seed, "seed", config.Seed, "seed of the world")
	c.Flags().IntVar(&size, "size", size, "side of a patch in pixels")
	c.Flags().StringVar(&source, "source", source, "stain of the labelled patches")
	return c
}

// newDataSplit is `g2c data split DIR -o DIR`.
func newDataSplit() *cobra.Command {
	req := dataset.SplitRequest{Test: 0.2, Validation: 0.15}
	c := &cobra.Command{
		Use:   "split DIR|CSV -o DIR",
		Short: "Split labelled images by patient or slide into tables",
		Long: `Split labelled images by patient or slide, class by class, and write train.csv,
validation.csv and test.csv, which data.labelled of a spec can name. Images are
neither copied nor decoded.

Tables that are there and say something else are replaced only with --force, and the
one that is split never. One of a part that this split does not have must go first.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			req.Source = args[0]
			if err := os.MkdirAll(req.Out, 0o755); err != nil {
				return fault.New(fault.ErrUnavailable, "make folder %s: %w", req.Out, err)
			}
			counts, r, err := dataset.SplitTables(req)
			if err != nil {
				return err
			}
			for _, n := range r.Verdict.Remarks() {
				say("note: %s", n)
			}
			if wantJSON(c) {
				return printJSON(counts)
			}
			if err := printCounts(counts); err != nil {
				return err
			}
			fmt.Fprintf(stdout, "tables: %s\n", filepath.Join(req.Out, "*.csv"))
			return nil
		},
	}
	c.Flags().StringVarP(&req.Out, "output", "o", "", "folder for the tables")
	addForce(c, &req.Force)
	c.Flags().Float64Var(&req.Test, "test", req.Test, "share of the test part, 0 for none")
	c.Flags().Float64Var(&req.Validation, "validation", req.Validation, "share of the validation part, 0 for none")
	c.Flags().Uint32Var(&req.Seed, "seed", req.Seed, "seed of the split")
	c.Flags().StringVar(&req.GroupPattern, "pattern", "", "regexp with (?P<patient>…) or (?P<slide>…) for file names without extension")
	c.Flags().StringVar(&req.By, "by", "", byHelp)
	_ = c.MarkFlagRequired("output") // the flag exists
	return c
}

// byHelp says what --by does.
const byHelp = "pattern or column: which wins where both give groups"

// printCounts prints a line for each class of each split.
func printCounts(counts []dataset.Count) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "split\tclass\timages\tgroups")
	for _, n := range counts {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\n", orDash(string(n.Split)), orDash(n.Class), n.Images, n.Groups)
	}
	return w.Flush()
}

func orDash(s string) string {
	if s == "" {
		return "-"
	}
	return s
}
