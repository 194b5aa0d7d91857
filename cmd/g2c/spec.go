package main

import (
	"github.com/spf13/cobra"

	"g2c/experiments/spec"
)

// newSpec is `g2c spec`.
func newSpec() *cobra.Command {
	c := &cobra.Command{Use: "spec", Short: "Check a spec, show it with everything filled in, or print the schema of all"}
	c.AddCommand(newSpecCheck(), newSpecShow(), newSpecSchema())
	asGroup(c)
	return c
}

// newSpecCheck is `g2c spec check SPEC`.
func newSpecCheck() *cobra.Command {
	var sets []string
	c := &cobra.Command{
		Use:   "check SPEC",
		Short: "Say what is wrong with a spec, without looking at its data",
		Long: `Say what is wrong with a spec, without looking at its data. A spec that is right
makes no output.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			_, err := readSpec(args[0], sets)
			return err
		},
	}
	addSets(c, &sets)
	return c
}

// newSpecShow is `g2c spec show SPEC`.
func newSpecShow() *cobra.Command {
	var sets []string
	c := &cobra.Command{
		Use:   "show SPEC",
		Short: "Print a spec with every default filled in: the same experiment, in normal form",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			file, err := readSpec(args[0], sets)
			if err != nil {
				return err
			}
			if wantJSON(c) {
				return printJSON(file.JSON())
			}
			_, err = stdout.Write(file.Canonical())
			return err
		},
	}
	addSets(c, &sets)
	return c
}

// newSpecSchema is `g2c spec schema`.
func newSpecSchema() *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of specs, from which editors complete and check",
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := stdout.Write(spec.Schema())
			return err
		},
	}
}

// addSets defines the flag that edits a spec.
func addSets(c *cobra.Command, sets *[]string) {
	c.Flags().StringArrayVar(sets, "set", nil, "path=value, edits the spec (repeatable)")
}
