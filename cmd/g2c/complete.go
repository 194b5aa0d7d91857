package main

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"g2c/checkpoint/store"
	"g2c/experiments/record"
	"g2c/experiments/specs"
)

// Shells complete what is known by name, beside files: built-in specs, the tasks of a spec,
// models and runs of a store. What cannot be found out completes to nothing, and says nothing.

// completions is what cobra asks for.
type completions func(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// beginning are those of some names that begin as what was typed.
func beginning(names []string, begun string) []string {
	return slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, begun) })
}

// completeSpec completes the first argument, a spec.
func completeSpec(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return beginning(specs.Names(), begun), cobra.ShellCompDirectiveDefault
}

// completeOnly completes the name of a task of the spec that was typed.
func completeOnly(_ *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	file, err := readSpec(args[0], nil)
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	works, err := file.sketch()
	if err != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	var names []string
	for _, w := range works {
		names = append(names, w.Names...)
	}
	return beginning(names, begun), cobra.ShellCompDirectiveNoFileComp
}

// namedStore opens the store that --store names, to find names in it.
func namedStore(c *cobra.Command) (store.Store, error) {
	name, err := c.Flags().GetString("store")
	if err != nil {
		return nil, err
	}
	return openRead(c.Context(), name)
}

// completeModel completes the first argument, a model of the store that --store names.
func completeModel(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveDefault
	}
	s, err := namedStore(c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	all, err := record.Names(c.Context(), s)
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	var names []string
	for key, name := range all {
		names = append(names, name, key.Short()+"\t"+name)
	}
	slices.Sort(names)
	return beginning(names, begun), cobra.ShellCompDirectiveDefault
}

// completeNames has the verbs complete what they take by name.
func completeNames(root *cobra.Command) {
	for verb, by := range map[string]completions{
		"run": completeSpec, "plan": completeSpec, "submit": completeSpec, "spec check": completeSpec, "spec show": completeSpec, "data inspect": completeSpec,
		"predict": completeModel, "translate": completeModel, "judge": completeModel, "export": completeModel, "compare": completeRun, "authenticity": completeRun,
	} {
		c, _, err := root.Find(strings.Fields(verb))
		if err != nil {
			panic(err) // the verb exists
		}
		c.ValidArgsFunction = by
		if c.Flags().Lookup("only") != nil {
			if err := c.RegisterFlagCompletionFunc("only", completeOnly); err != nil {
				panic(err) // the flag exists
			}
		}
	}
}

// completeRun completes experiments of the store that --store names.
func completeRun(c *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 1 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	s, err := namedStore(c)
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	ids, err := record.IDs(c.Context(), s)
	if err != nil {
		return nil, cobra.ShellCompDirectiveDefault
	}
	return beginning(ids, begun), cobra.ShellCompDirectiveDefault
}
