package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"g2c/experiments/draft"
	"g2c/internal/dataset"
	"g2c/internal/fault"
)

// initFlags are those of `g2c init`.
type initFlags struct {
	output string
	yes    bool
	force  bool
}

// newInit is `g2c init`.
func newInit() *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use:   "init DIR|TABLE...",
		Short: "Write the spec of an experiment on folders and tables that are there",
		Long: `Write the spec of an experiment on folders and tables that are there.

It guesses which folders are stains and which are classes, the split, what in the
files' names says patient or slide, and the source stain, from names and a few images;
says how sure it is; asks on a terminal; and writes a commented spec that runs.

  g2c init patches/                    class folders, or train and test with class folders
  g2c init patches/ stains/            and folders of patches of other stains
  g2c init labels.csv                  a table with paths and labels

A file that is there is replaced only with --force.

` + exitCodes,
		Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return initialise(c, args, &f) },
	}
	c.Flags().StringVarP(&f.output, "output", "o", "", "file of the spec; without it, the first folder's name with .yaml, here")
	c.Flags().BoolVarP(&f.yes, "yes", "y", false, "take the guesses and ask nothing")
	addForce(c, &f.force)
	return c
}

func initialise(c *cobra.Command, places []string, f *initFlags) error {
	for i := range places {
		places[i] = dataset.Found(places[i])
	}
	if f.output == "" {
		f.output = draft.Name(places[0]) + ".yaml"
	}
	name, ok := strings.CutSuffix(filepath.Base(f.output), ".yaml")
	if !ok || draft.Name(name) != name {
		return fault.New(fault.ErrSpec, "the spec is to be %s: its name is the experiment's, of letters, digits and dashes, and ends in .yaml", dataset.Show(f.output)).
			WithHint("-o %s", filepath.Join(filepath.Dir(f.output), draft.Name(name)+".yaml"))
	}
	found, err := draft.Look(c.Context(), places...)
	if err != nil {
		return err
	}
	if !f.yes && term.IsTerminal(int(os.Stdin.Fd())) {
		if err := ask(c.Context(), found, os.Stdin); err != nil {
			return err
		}
	}
	files, err := found.Spec(filepath.Dir(f.output), name)
	if err != nil {
		return err
	}
	var outs []output
	for _, file := range files {
		o := output{path: file.Name, force: f.force} // one that somebody has changed stays
		if err := o.checkFor(file.Data, places); err != nil {
			return err
		}
		outs = append(outs, o)
	}
	for i, file := range files {
		if err := outs[i].write(file.Data); err != nil {
			return err
		}
	}
	if wantJSON(c) {
		return printJSON(map[string]any{"spec": f.output, "found": found})
	}
	tell(found)
	for _, file := range files {
		fmt.Fprintln(stdout, file.Name)
	}
	say("look at its comments, then: g2c plan %s, and g2c run %s", f.output, f.output)
	return nil
}

// tell says what was found, a line each.
func tell(f *draft.Finding) {
	guess := func(what string, g draft.Guess, value string) { say("%s: %s (%s: %s)", what, value, g.Sure, g.Why) }
	if l := f.Labelled; l != nil {
		say("labelled images: %s", l)
		guess("positive", l.Sides, strings.Join(l.Positive, ", "))
		guess("what belongs together", l.Grouping, l.Grouped())
	}
	guess("source stain", f.Source, f.Source.Value)
	for _, s := range f.Translated() {
		say("other stain: %s", s)
	}
	for _, n := range f.Notes {
		say("note: %s", n)
	}
}

// ask lets somebody at a terminal correct what is not certain. An empty line takes a guess.
func ask(ctx context.Context, f *draft.Finding, from io.Reader) error {
	in := bufio.NewScanner(from)
	question := func(what string, g draft.Guess, now string) (string, error) {
		fmt.Fprintf(os.Stderr, "%s [%s] (%s: %s): ", what, now, g.Sure, g.Why)
		if ctx.Err() != nil || !in.Scan() {
			return "", fault.New(fault.ErrInterrupted, "no answer, and nothing was written").WithHint("--yes takes the guesses")
		}
		if answer := strings.TrimSpace(in.Text()); answer != "" {
			return answer, nil
		}
		return now, nil
	}
	stain, err := question("Which stain are the labelled images", f.Source, f.Source.Value)
	if err != nil {
		return err
	}
	if stain != f.Source.Value {
		f.Source = draft.Guess{Value: draft.Stain(stain), Why: "you said so", Sure: draft.Certain}
	}
	l := f.Labelled
	if l == nil {
		return nil
	}
	now := strings.Join(l.Positive, ", ")
	for {
		answer, err := question("Which labels are positive, with commas between them, of "+l.String(), l.Sides, now)
		if err != nil {
			return err
		}
		if answer == now {
			return nil
		}
		labels := strings.Split(answer, ",")
		for i := range labels {
			labels[i] = dataset.NFC(strings.TrimSpace(labels[i]))
		}
		if unknown := slices.IndexFunc(labels, func(x string) bool { _, ok := l.Labels[x]; return !ok }); unknown >= 0 || len(labels) >= len(l.Labels) {
			fmt.Fprintln(os.Stderr, "one label at least, not all of them, and none that is not there")
			continue
		}
		l.Divide(labels)
		return nil
	}
}
