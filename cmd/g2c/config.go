package main

import (
	"bufio"
	"bytes"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"g2c/internal/fault"
)

// addConfig gives a verb --config FILE, for the services, which have many flags.
func addConfig(c *cobra.Command) {
	c.Flags().String("config", "", "file of flags, a line each: `name: value`; the command line goes first")
	inner := c.PreRunE
	c.PreRunE = func(c *cobra.Command, args []string) error {
		if err := readConfig(c); err != nil || inner == nil {
			return err
		}
		return inner(c, args)
	}
}

// readConfig sets the flags that the file has and the command line has not.
func readConfig(c *cobra.Command) error {
	path, err := c.Flags().GetString("config")
	if err != nil || path == "" {
		return err
	}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return fault.New(fault.ErrNotFound, "there is no configuration %s", path)
	}
	if err != nil {
		return fault.New(fault.ErrUnavailable, "read configuration: %w", err)
	}
	if err := setFlags(c.Flags(), path, bytes.TrimPrefix(text, []byte("\ufeff"))); err != nil {
		return err
	}
	return expandPaths(c, nil)
}

// setFlags reads lines of `name: value`. Empty lines and those that begin with # say
// nothing; a name may come again where a flag may.
func setFlags(flags *pflag.FlagSet, path string, text []byte) error {
	given := map[string]bool{}
	flags.Visit(func(f *pflag.Flag) { given[f.Name] = true })
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		name = strings.TrimSpace(name)
		switch {
		case !ok:
			return fault.New(fault.ErrSpec, "%s:%d: %q is not a line of `name: value`", path, n, line)
		case name == "config" || flags.Lookup(name) == nil:
			return fault.New(fault.ErrSpec, "%s:%d: there is no flag %q", path, n, name).WithHint("the names are those of --help, without the dashes")
		case given[name]:
			continue
		}
		if err := flags.Set(name, unquote(strings.TrimSpace(value))); err != nil {
			return fault.New(fault.ErrSpec, "%s:%d: %w", path, n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return fault.New(fault.ErrSpec, "%s: %w", path, err)
	}
	return nil
}

// unquote takes the quotes off a value that stands in them, as people do who think
// of YAML.
func unquote(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}
