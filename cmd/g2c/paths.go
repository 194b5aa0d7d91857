package main

import (
	"errors"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"g2c/internal/dataset"
	"g2c/internal/fault"
	"g2c/internal/userpath"
)

// noPaths are flags of text that is no path, whatever it begins with.
var noPaths = []string{"pattern", "by", "set"}

// expandPaths puts the home directory in place of a leading ~/ of flags and arguments, as a
// shell does unless they are quoted or stand behind an equals sign, and refuses what else a
// shell would have changed: else a folder of the name ~ is made.
func expandPaths(c *cobra.Command, args []string) error {
	home, _ := os.UserHomeDir() // without one, ~/ is refused
	for i, arg := range args {
		path, err := expandPath(arg, home)
		if err != nil {
			return fault.New(fault.ErrSpec, "%s: %s", dataset.Show(arg), err.Why).WithHint("%s", err.Remedy)
		}
		args[i] = path
	}
	var failed error
	c.Flags().Visit(func(f *pflag.Flag) {
		if f.Value.Type() != "string" || slices.Contains(noPaths, f.Name) {
			return
		}
		path, err := expandPath(f.Value.String(), home)
		switch {
		case err != nil && failed == nil:
			failed = fault.New(fault.ErrSpec, "--%s %s: %s", f.Name, dataset.Show(f.Value.String()), err.Why).WithHint("%s", err.Remedy)
		case err == nil && path != f.Value.String():
			failed = errors.Join(failed, f.Value.Set(path))
		}
	})
	return failed
}

// expandPath is userpath.Expand for texts of which only some are paths: those that begin
// as one.
func expandPath(text, home string) (string, *userpath.Error) {
	if !strings.ContainsAny(text, `/\`) && text != "~" {
		return text, nil
	}
	path, err := userpath.Expand(text, home)
	bad := (*userpath.Error)(nil)
	errors.As(err, &bad)
	return path, bad
}
