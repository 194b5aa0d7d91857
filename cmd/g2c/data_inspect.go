package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"g2c/experiments/datasource"
	"g2c/experiments/specs"
	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/remote"
)

// inspectFlags are the flags of `g2c data inspect`.
type inspectFlags struct {
	sets                      []string
	split, sheet, pattern, by string
	fit                       string
	size                      int
	imageFlags
	force bool
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
	addForce(c, &f.force)
	c.Flags().StringVar(&f.sheet, "sheet", "", "PNG file to write: a contact sheet, a row for each set and class")
	c.Flags().StringVar(&f.pattern, "pattern", "", "of a folder: regexp with (?P<patient>…) or (?P<slide>…) for file names")
	c.Flags().StringVar(&f.by, "by", "", byHelp)
	c.Flags().IntVar(&f.size, "size", 224, "of a folder: side to resize to, in pixels")
	c.Flags().StringVar(&f.fit, "fit", string(dataset.Resize), "of a folder: resize, enlarge (also what is far too small) or refuse, as data.fit")
	f.add(c)
	return c
}

// inspected is one set, and what was found in it.
type inspected struct {
	Name     string          `json:"name"`
	Fold     int             `json:"fold,omitempty"` // whose splits these are; 0 for none
	Labelled bool            `json:"labelled"`
	Summary  dataset.Summary `json:"summary"`
	Verdict  dataset.Verdict `json:"verdict"`
	set      *dataset.Set
}

func inspect(c *cobra.Command, name string, f *inspectFlags) error {
	if f.sheet != "" && f.sheet == f.split {
		return fault.New(fault.ErrSpec, "--sheet and --split are one file, %s", f.sheet).WithHint("name another for one of them")
	}
	var all []inspected
	var err error
	if _, builtIn := specs.Lookup(name); !builtIn && !remote.Is(name) {
		name = dataset.Found(name)
	}
	if remote.Is(name) {
		all, err = f.folder(c.Context(), name)
	} else if info, e := os.Stat(name); e == nil && (info.IsDir() || dataset.IsTable(name)) {
		all, err = f.folder(c.Context(), name)
	} else if _, builtIn := specs.Lookup(name); os.IsNotExist(e) && !builtIn {
		err = fault.New(fault.ErrNotFound, "there is no folder, table or spec %s", dataset.Show(name)).WithHint("built in are the specs %s", strings.Join(specs.Names(), ", "))
	} else {
		all, err = f.spec(c.Context(), name)
	}
	if err != nil {
		return err
	}
	if f.split != "" {
		if err := f.writeSplit(name, all); err != nil {
			return err
		}
	}
	if f.sheet != "" {
		if err := f.writeSheet(name, all); err != nil {
			return err
		}
	}
	if wantJSON(c) {
		err = printJSON(all)
	} else {
		err = printInspected(all)
	}
	if err != nil {
		return err
	}
	for _, in := range all {
		if err := in.Verdict.Err(); err != nil { // of a folder, or of a part that cannot be taken: else a spec's is refused before
			return err
		}
	}
	return nil
}

func (f *inspectFlags) folder(ctx context.Context, path string) ([]inspected, error) {
	fit := dataset.Fit(f.fit)
	if fit != dataset.Resize && fit != dataset.Enlarge && fit != dataset.Refuse {
		return nil, fault.New(fault.ErrSpec, "--fit is %q, and must be resize, enlarge or refuse", f.fit)
	}
	opt, err := f.options(path, f.size, fit)
	if err != nil {
		return nil, err
	}
	set, r, err := dataset.Open(ctx, path, f.pattern, f.by, opt)
	if err != nil {
		return nil, err
	}
	return []inspected{{path, 0, len(set.Classes()) > 0, dataset.Summarise(set, r), r.Verdict, set}}, nil
}

// spec opens what a spec's plan reads, each set once, at the size that the
// networks see.
func (f *inspectFlags) spec(ctx context.Context, name string) ([]inspected, error) {
	file, err := readSpec(name, f.sets)
	if err != nil {
		return nil, err
	}
	works, err := file.sketch()
	if err != nil {
		return nil, err
	}
	data, err := f.opener()
	if err != nil {
		return nil, err
	}
	reads, err := data.Experiment(ctx, works, datasource.SideSeen)
	var all []inspected
	for _, r := range reads {
		if r.Set == nil {
			sayVerdict(r)
			continue
		}
		all = append(all, inspected{r.Name, r.Fold, r.Labelled, dataset.Summarise(r.Set, r.Report), r.Verdict, r.Set})
	}
	return all, err
}

// sayVerdict says what was found in a set that is refused.
func sayVerdict(r datasource.Read) {
	for _, line := range r.Verdict.Lines() {
		say("%s: %s", setName(r.Name, r.Fold), line)
	}
}

// setName is a set for people, with its fold.
func setName(name string, fold int) string {
	if fold > 0 {
		name += fmt.Sprintf(", fold %d", fold)
	}
	return name
}

func printInspected(all []inspected) error {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "set\tsplit\tclass\timages\tgroups\tmean colour")
	for _, in := range all {
		for _, n := range in.Summary.Counts {
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t#%02x%02x%02x\n", visible(setName(in.Name, in.Fold)), orDash(string(n.Split)), visible(orDash(n.Class)), n.Images, n.Groups,
				n.MeanColour[0], n.MeanColour[1], n.MeanColour[2])
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, in := range all {
		fmt.Fprintf(stdout, "\n%s: %s of %d × %d, fingerprint %.12s\n", visible(setName(in.Name, in.Fold)), plural(in.Summary.Images, "image"), in.Summary.Side, in.Summary.Side, in.Summary.Fingerprint)
		if r := in.Summary.Report; r != nil {
			for _, s := range r.Sizes {
				fmt.Fprintf(stdout, "  %s of %d × %d pixels\n", plural(s.N, "file"), s.W, s.H)
			}
			for _, n := range r.Notes() {
				fmt.Fprintf(stdout, "  %s\n", n)
			}
			for _, s := range r.Skipped {
				fmt.Fprintf(stdout, "  skipped %s: %s\n", dataset.Show(s.Path), s.Reason)
			}
		}
		for _, line := range in.Verdict.Lines() {
			fmt.Fprintf(stdout, "  %s\n", visible(line))
		}
	}
	return nil
}

// writeSplit writes the labelled images of the first labelled set: arms that
// differ in their data share no table.
func (f *inspectFlags) writeSplit(source string, all []inspected) error {
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
	out := output{path: f.split, force: f.force, begins: []string{"name,label,group,split\n"}}
	return out.write(b.Bytes(), filesRead(source, all)...)
}

// sheetColumns is how many images a row of a contact sheet shows.
const sheetColumns = 12

// sheetMaker is whose a contact sheet is.
const sheetMaker = "g2c data inspect"

func (f *inspectFlags) writeSheet(source string, all []inspected) error {
	var rows [][][]uint8
	side := 0
	for _, in := range all {
		if side != 0 && in.set.Side() != side {
			return fault.New(fault.ErrSpec, "the sets have images of %d and %d pixels, and a contact sheet is of one size", side, in.set.Side())
		}
		side = in.set.Side()
		more, err := in.set.Rows(sheetColumns)
		if err != nil {
			return err
		}
		rows = append(rows, more...)
	}
	out := output{path: f.sheet, force: f.force, begins: []string{string(dataset.PNGMark(sheetMaker))}, at: dataset.PNGMarkAt}
	if err := out.check(filesRead(source, all)...); err != nil {
		return err
	}
	return dataset.WriteMarkedPNG(f.sheet, dataset.ContactSheet(side, rows), sheetMaker)
}

// filesRead are the files that what was inspected comes from.
func filesRead(source string, all []inspected) []string {
	var sets []namedImages
	for _, in := range all {
		sets = append(sets, namedImages{in.set})
	}
	return filesOf(sets, source)
}
