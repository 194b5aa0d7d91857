package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"text/tabwriter"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/experiments/report"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
	"g2c/model/metrics"
)

// printSummary prints what a run has found, with the keys of its models, and how to go on
// with one.
func printSummary(ctx context.Context, repo *checkpoint.Repo, storePath string, d *report.Data) error {
	s := summary{Data: d, keys: map[api.Key]string{}}
	var all []api.Key
	for _, a := range d.Arms {
		all = append(all, a.Key)
	}
	for _, g := range d.Generators {
		all = append(all, g.Key)
	}
	s.unjudged = unjudged(d)
	for _, item := range s.unjudged {
		all = append(all, item.Key)
	}
	for _, key := range all {
		var err error
		if s.keys[key], err = typed(ctx, repo, key); err != nil {
			return err
		}
	}
	s.arms()
	s.models()
	s.generators()
	s.authenticity()
	s.goOn(storePath)
	return nil
}

// The digits of keys that are shown: as few as a person likes to type.
const (
	leastDigits = 8
	moreDigits  = 4 // where those of two tasks are alike
)

// typed is the beginning of a task's key that no other task of the store has.
func typed(ctx context.Context, repo *checkpoint.Repo, key api.Key) (string, error) {
	text := key.String()
	for n := leastDigits; n < len(text); n += moreDigits {
		_, err := repo.Find(ctx, text[:n])
		if !errors.Is(err, fault.ErrSpec) { // more than one key begins so
			return text[:n], err
		}
	}
	return text, nil
}

// summary is a run's results as they are printed.
type summary struct {
	*report.Data
	keys     map[api.Key]string // as they are typed
	unjudged []*sweep.Item      // finished fine-tunings that no evaluation of the run judges
}

// unjudged are the models that have no row: --only has left their evaluations out, or they
// failed.
func unjudged(d *report.Data) []*sweep.Item {
	var out []*sweep.Item
	for _, item := range d.Run.Plan.Items {
		row := slices.ContainsFunc(d.Arms, func(a report.Arm) bool { return a.Key == item.Key })
		waits := slices.ContainsFunc(d.Unfinished, func(u report.Unfinished) bool { return u.Key == item.Key })
		trial := !slices.ContainsFunc(item.Uses, func(u sweep.Use) bool { return !u.Trial })
		if item.Task.Kind == api.KindFinetune && !row && !waits && !trial {
			out = append(out, item)
		}
	}
	return out
}

// models prints a line for each of these.
func (d summary) models() {
	if len(d.unjudged) == 0 {
		return
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "model\tkey")
	for _, item := range d.unjudged {
		fmt.Fprintf(w, "%s\t%s\n", item.Name(), d.keys[item.Key])
	}
	w.Flush()
}

// arms prints a line for each arm and seed.
func (d summary) arms() {
	if len(d.Arms) == 0 { // only generators were asked for
		return
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	folds := slices.ContainsFunc(d.Arms, func(a report.Arm) bool { return a.Fold > 0 })
	head := "task\tarm\tseed\t"
	if folds {
		head += "fold\t"
	}
	fmt.Fprintln(w, head+"test balanced accuracy\tAUC\tF1\tn\tkey")
	for _, a := range d.Arms {
		t := a.Metrics.Test
		fmt.Fprintf(w, "%s\t%s\t%d\t", a.Task, a.Title, a.Seed)
		if folds {
			fmt.Fprintf(w, "%d\t", a.Fold)
		}
		if t.N == 0 {
			fmt.Fprintf(w, "–\t–\t–\t0: none of %d is left to judge\t%s\n", a.LeftOut, d.keys[a.Key])
			continue
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\n", shown(t.BalancedAccuracy), shown(t.AUC), shown(t.F1), t.N, d.keys[a.Key])
	}
	for _, g := range d.Groups {
		if g.Folds > 0 {
			ci := g.BalancedAccuracy.CI95
			fmt.Fprintf(w, "%s\t%s\tall\tall\t%s [%s, %s]\t%s\t%s\t%d\t\n", g.Task, g.Title,
				shown(g.BalancedAccuracy.Mean), shown(ci[0]), shown(ci[1]), shown(g.AUC.Mean), shown(g.F1.Mean), g.N)
		}
	}
	w.Flush()
}

// generators prints a line for each pretraining.
func (d summary) generators() {
	if len(d.Generators) == 0 {
		return
	}
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	for i, g := range d.Generators {
		if g.Pairs != nil {
			continue
		}
		if i == 0 || d.Generators[i-1].Pairs != nil {
			fmt.Fprintln(w, "generator\tcycle L1\tcycle SSIM\tkey")
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", g.Name, shown(g.Metrics.CycleL1), shown(g.Metrics.CycleSSIM), d.keys[g.Key])
	}
	w.Flush()
	d.paired()
}

// paired prints a line for each generator that was trained on pairs: how alike its
// translations are to the targets, and beside that the source and its colours changed.
func (d summary) paired() {
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	head := "generator\tSSIM\tsource\tReinhard\tPSNR\tsource\tReinhard\tn\tkey"
	for _, g := range d.Generators {
		p := g.Pairs
		if p == nil {
			continue
		}
		if head != "" {
			fmt.Fprintln(w, head)
			head = ""
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%d %s\t%s\n", g.Name, shown(p.Model.SSIM), shown(p.Source.SSIM), shown(p.Reinhard.SSIM),
			shown(p.Model.PSNR), shown(p.Source.PSNR), shown(p.Reinhard.PSNR), p.Images, p.Split, d.keys[g.Key])
	}
	w.Flush()
}

// authenticity prints whether the stains of each arm are still stains.
func (d summary) authenticity() {
	if d.Authenticity == nil {
		return
	}
	fmt.Fprintln(stdout, "are the stains still stains, after joint training?")
	for _, line := range d.Authenticity.Lines() {
		fmt.Fprintf(stdout, "  %s\n", line)
	}
}

// goOn prints what can be done with the first of the models.
func (d summary) goOn(storePath string) {
	where := ""
	if storePath != defaultStore && storePath != defaultStore+"/" {
		where = " --store " + quoted(storePath)
	}
	classifier := ""
	switch {
	case len(d.Arms) > 0:
		classifier = d.keys[d.Arms[0].Key]
	case len(d.unjudged) > 0:
		classifier = d.keys[d.unjudged[0].Key]
	}
	if classifier != "" {
		fmt.Fprintf(stdout, "go on: g2c predict %s PATH...%s\n", classifier, where)
	}
	if len(d.Generators) > 0 {
		fmt.Fprintf(stdout, "go on: g2c translate %s PATH... -o DIR%s\n", d.keys[d.Generators[0].Key], where)
	}
}

// shown is a share for people, a dash where it is not defined.
func shown(n metrics.Number) string {
	if !n.Defined() {
		return "–"
	}
	return fmt.Sprintf("%.3f", float64(n))
}
