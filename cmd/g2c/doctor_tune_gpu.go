//go:build gpu

package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"g2c/kernels"
	"g2c/kernels/cuda"
	"g2c/worker/train"
)

// tuneRepeats is how often a convolution is timed by each tile; the least counts.
const tuneRepeats = 10

// worthwhile is how much faster another tile has to be to be proposed: less is noise.
const worthwhile = 0.05

// tune times every convolution of a spec's training steps by each tile, and prints what
// the table might better say.
func tune(c *cobra.Command, spec string) error {
	d, err := cuda.Open(0, cuda.Options{})
	if err != nil {
		return err
	}
	defer d.Close()
	programs, err := tunedPrograms(c, spec, d.Class())
	if err != nil {
		return err
	}
	w := c.OutOrStdout()
	fmt.Fprintf(w, "%s, class %s: each convolution of %s in bf16, by every tile that can serve it (least of %d, ms; * the table's)\n\n", d.Name(), d.Class(), spec, tuneRepeats)
	var proposals []string
	seen := map[string]bool{}
	for _, p := range programs {
		for i, in := range p.Instrs {
			sign := p.Signature(i)
			if seen[sign] || !isConvolution(in.Op) {
				continue
			}
			seen[sign] = true
			types := make([]kernels.Type, len(in.In))
			for k, id := range in.In {
				types[k] = p.Values[id].Type
			}
			trials, err := d.Tune(in.Op, types, tuneRepeats)
			if err != nil {
				return fmt.Errorf("%s: %w", sign, err)
			}
			if line := printTrials(w, sign, trials); line != "" {
				proposals = append(proposals, line)
			}
		}
	}
	fmt.Fprintf(w, "\n%d convolutions; the table can stay", len(seen))
	if len(proposals) > 0 {
		fmt.Fprintf(w, ", but for these (kernels/cuda/tiles/table.go; a change of strips or slices moves bits, and so needs a new number of the class):\n\n%s", strings.Join(proposals, "\n"))
	}
	fmt.Fprintln(w)
	return nil
}

func isConvolution(op kernels.Op) bool {
	switch op.(type) {
	case kernels.Conv2D, kernels.Conv2DGradX, kernels.Conv2DGradW:
		return true
	}
	return false
}

// tunedPrograms are the programs of the first task of each kind, in bf16.
func tunedPrograms(c *cobra.Command, spec, class string) ([]*kernels.Program, error) {
	var all []*kernels.Program
	for _, kind := range []string{"pretrain", "finetune"} {
		f := debugFlags{task: kind, sets: []string{"precision=bf16"}}
		file, err := readSpec(spec, f.sets)
		if err != nil {
			return nil, err
		}
		task, err := f.debugTask(c, file, class)
		if err != nil {
			return nil, err
		}
		programs, err := train.Programs(task)
		if err != nil {
			return nil, err
		}
		all = append(all, programs...)
	}
	return all, nil
}

// printTrials prints what each tile took, and gives a line if the table's is not nearly
// the fastest.
func printTrials(w io.Writer, sign string, trials []cuda.Trial) (proposal string) {
	best, chosen := trials[0], trials[0]
	var cells []string
	for _, t := range trials {
		mark := ""
		if t.Chosen {
			chosen, mark = t, "*"
		}
		if t.Time < best.Time {
			best = t
		}
		cells = append(cells, fmt.Sprintf("%s%s %.4f", t.Tile, mark, float64(t.Time)/float64(time.Millisecond)))
	}
	fmt.Fprintf(w, "%s\n    %s\n", sign, strings.Join(cells, ", "))
	gain := 1 - float64(best.Time)/float64(max(chosen.Time, 1))
	if gain <= worthwhile {
		return ""
	}
	return fmt.Sprintf("%s: %s in place of %s, %.0f %% less time", sign, best.Tile, chosen.Tile, 100*gain)
}
