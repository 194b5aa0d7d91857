package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"g2c/kernels"
	"g2c/kernels/rewrite"
	"g2c/worker/train"
)

// newDebugDump is `g2c debug dump SPEC`.
func newDebugDump() *cobra.Command {
	var f debugFlags
	c := &cobra.Command{
		Use:   "dump SPEC",
		Short: "Print the programs of a task, instruction by instruction",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			device, task, err := f.open(c, args[0])
			if err != nil {
				return err
			}
			defer device.Close()
			programs, err := train.Programs(task)
			if err != nil {
				return err
			}
			return dumpPrograms(programs, f.rewrites)
		},
	}
	f.add(c)
	c.Flags().BoolVar(&f.rewrites, "rewrites", false, "print each program before and after the rewrites of $"+rewritesVariable)
	return c
}

// dumpPrograms prints programs as they are compiled and, if asked, as each rewrite
// leaves them.
func dumpPrograms(programs []*kernels.Program, rewrites bool) error {
	var rules []rewrite.Rule
	if rewrites {
		var err error
		if rules, err = rewrite.Named(os.Getenv(rewritesVariable)); err != nil {
			return err
		}
	}
	for _, p := range programs {
		fmt.Fprintln(stdout, p)
		for _, r := range rules {
			before := len(p.Instrs)
			p = rewrite.Apply(p, []rewrite.Rule{r})
			fmt.Fprintf(stdout, "# %s: %s: %d instructions become %d\n%s\n", r.Name, r.Does, before, len(p.Instrs), p)
		}
	}
	return nil
}
