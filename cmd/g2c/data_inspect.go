package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/experiments/datasource"
	"g2c/experiments/sweep"
	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// inspectFlags are the flags of `g2c data inspect`.
type inspectFlags struct {
	sets                  []string
	split, sheet, pattern string
	cache                 string
	size                  int
	skipBad               bool
}

// newDataInspect is `g2c data inspect SPEC|DIR`.
func newDataInspect() *cobra.Command {
	var f inspectFlags
	c := &cobra.Command{
		Use:   "inspect SPEC|DIR",
		Short: "Show counts, sizes, stains, splits and warnings of a spec's data, or of a folder or table",
		Args:  cobra.ExactArgs(1),
		RunE:  func(c *cobra.Command, args []string) error { return inspect(c, args[0], &f) },
	}
	addSets(c, &f.sets)
	c.Flags().StringVar(&f.split, "split", "", "CSV file to write: name,label,group,split of every labelled image")
	c.Flags().StringVar(&f.sheet, "sheet", "", "PNG file to write: a contact sheet, a row for each set and class")
	c.Flags().StringVar(&f.pattern, "pattern", "", "of a folder: regexp with (?P<patient>…) or (?P<slide>…) for file names")
	c.Flags().IntVar(&f.size, "size", 224, "of a folder: side to resize to, in pixels")
	c.Flags().StringVar(&f.cache, "cache", "", "directory of decoded pixels (default the user's cache)")
	c.Flags().BoolVar(&f.skipBad, "skip-bad", false, "leave out images that do not decode, and say so")
	return c
}

// inspected is one set, and what was found in it.
type inspected struct {
	Name     string          `json:"name"`
	Labelled bool            `json:"labelled"`
	Summary  dataset.Summary `json:"summary"`
	set      *dataset.Set
}

func inspect(c *cobra.Command, name string, f *inspectFlags) error {
	var all []inspected
	var err error
	if info, e := os.Stat(name); e == nil && (info.IsDir() || strings.HasSuffix(strings.ToLower(name), ".csv")) {
		all, err = f.folder(c.Context(), name)
	} else {
		all, err = f.spec(c.Context(), name)
	}
	if err != nil {
		return err
	}
	if f.split != "" {
		if err := writeSplit(f.split, all); err != nil {
			return err
		}
	}
	if f.sheet != "" {
		if err := writeSheet(f.sheet, all); err != nil {
			return err
		}
	}
	if wantJSON(c) {
		return printJSON(all)
	}
	return printInspected(all)
}

func (f *inspectFlags) folder(ctx context.Context, path string) ([]inspected, error) {
	opt := dataset.Options{Side: f.size, CacheDir: cacheDir(f.cache), SkipBad: f.skipBad}
	set, r, err := dataset.Open(ctx, path, f.pattern, dataset.DefaultColumns(), opt)
	if err != nil {
		return nil, err
	}
	return []inspected{{path, len(set.Classes()) > 0, dataset.Summarise(set, r), set}}, nil
}

// spec opens what a spec's plan reads, each set once, at the size that the
// networks see.
func (f *inspectFlags) spec(ctx context.Context, name string) ([]inspected, error) {
	file, err := readSpec(name, f.sets)
	if err != nil {
		return nil, err
	}
	stand := api.Key(sha256.Sum256(nil)) // keys do not matter here
	plan, err := sweep.Expand(file.File, sweep.Options{
		Numerics: api.ClassRef, Fingerprint: func(api.DataSet) (api.Key, error) { return stand, nil },
		Resolve: func(string) (api.Key, error) { return stand, nil },
	})
	if err != nil {
		return nil, err
	}
	reports := map[string]*dataset.Report{}
	data := &datasource.Opener{
		CacheDir: cacheDir(f.cache), SkipBad: f.skipBad,
		Opened: func(what string, r *dataset.Report) { reports[what] = r },
	}
	var all []inspected
	seen := map[*dataset.Set]bool{}
	add := func(what string, labelled bool, set *dataset.Set, err error) error {
		if err == nil && !seen[set] {
			seen[set] = true
			all = append(all, inspected{what, labelled, dataset.Summarise(set, reports[what]), set})
		}
		return err
	}
	for _, item := range plan.Items {
		where := item.Where
		where.Generators = nil
		switch item.Task.Kind {
		case api.KindPretrain:
			p := item.Task.Pretrain
			for _, stain := range []string{p.Source, p.Stain} {
				set, err := data.Unlabelled(ctx, api.DataSet{Part: api.PartUnlabelled, Side: p.Size, Fit: p.Fit, Where: where}, stain)
				if err := add("unlabelled "+stain, false, set, err); err != nil {
					return nil, err
				}
			}
		case api.KindEvaluate:
			m := &item.Task.Evaluate.Model
			set, err := data.Labelled(ctx, api.DataSet{Part: api.PartTest, Side: m.Size, Fit: m.Fit, Where: where})
			if err := add("labelled "+m.Source, true, set, err); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func printInspected(all []inspected) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "set\tsplit\tclass\timages\tgroups\tmean colour")
	for _, in := range all {
		for _, n := range in.Summary.Counts {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t#%02x%02x%02x\n", in.Name, orDash(string(n.Split)), orDash(n.Class), n.Images, n.Groups,
				n.MeanColour[0], n.MeanColour[1], n.MeanColour[2])
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, in := range all {
		fmt.Printf("\n%s: %d images of %d × %d, fingerprint %.12s\n", in.Name, in.Summary.Images, in.Summary.Side, in.Summary.Side, in.Summary.Fingerprint)
		if in.Summary.Report == nil {
			continue
		}
		for _, s := range in.Summary.Report.Sizes {
			fmt.Printf("  %d files of %d × %d pixels\n", s.N, s.W, s.H)
		}
		for _, n := range in.Summary.Report.Notes() {
			fmt.Printf("  %s\n", n)
		}
		for _, s := range in.Summary.Report.Skipped {
			fmt.Printf("  skipped %s: %s\n", s.Path, s.Reason)
		}
	}
	return nil
}

// writeSplit writes the labelled images of the first labelled set: arms that
// differ in their data share no table.
func writeSplit(path string, all []inspected) error {
	lines := [][]string{{"name", "label", "group", "split"}}
	sets := 0
	for _, in := range all {
		if !in.Labelled {
			continue
		}
		sets++
		for i := range in.set.Len() {
			im := in.set.Image(i)
			lines = append(lines, []string{im.Name, im.Label, im.Group, string(im.Split)})
		}
	}
	if sets != 1 {
		return fault.New(fault.ErrSpec, "there are %d labelled sets, and a split is of one", sets).WithHint("give a spec with one set of labelled images")
	}
	var b bytes.Buffer
	if err := csv.NewWriter(&b).WriteAll(lines); err != nil {
		return err
	}
	return writeOutput(path, b.Bytes())
}

// sheetColumns is how many images a row of a contact sheet shows.
const sheetColumns = 12

func writeSheet(path string, all []inspected) error {
	var rows [][][]uint8
	side := 0
	for _, in := range all {
		if side != 0 && in.set.Side() != side {
			return fault.New(fault.ErrSpec, "the sets have images of %d and %d pixels, and a contact sheet is of one size", side, in.set.Side())
		}
		side = in.set.Side()
		rows = append(rows, in.set.Rows(sheetColumns)...)
	}
	return dataset.WritePNG(path, dataset.ContactSheet(side, rows))
}
