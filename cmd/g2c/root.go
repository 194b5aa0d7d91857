package main

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"g2c/internal/fault"
)

// exitCodes is the help that every verb shares.
const exitCodes = `Exit codes: 0 done; 1 training or a check failed; 2 the command or the spec is
wrong; 3 the data is wrong; 4 not found; 5 unavailable or not permitted;
130 interrupted with state saved. A crash of g2c itself is 1, or 134 (SIGABRT).`

// newRoot is the command line. Each verb has a file of its own.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:           "g2c",
		Short:         "Train stain-translation GANs and the classifiers built on them",
		Long:          "Train stain-translation GANs and the classifiers built on them.\n\nStart with: g2c run quickstart\n\n" + exitCodes,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return fault.New(fault.ErrSpec, "%w", flagError{err}).WithHint("see `%s --help`", c.CommandPath())
	})
	root.SetOut(stdout)
	root.PersistentFlags().Bool("json", false, "write results for programs")
	root.AddCommand(newInit(), newRun(), newPlan(), newSpec(), newReport(), newPredict(), newAuthenticity(), newTranslate(), newJudge(), newKID(), newExport(), newImport(),
		newData(), newCache(), newLs(), newCompare(), newForget(), newStudy(), newCkpt(), newDoctor(), newDebug(), newVersion(),
		newCoordinator(), newWorker(), newOperator(), newRunner(), newSubmit(), newPs(), newDescribe(), newWatch(), newLogs(), newCancel(), newHold(), newRelease(), newRetry(), newTop(), newStatus(),
		newWorkers(), newDemand(), newProjects(), newMembers(), newAudit(), newCerts(), newToken(), newUsers())
	root.PersistentPreRunE = func(c *cobra.Command, args []string) error {
		if err := c.ValidateRequiredFlags(); err != nil {
			return fault.New(fault.ErrSpec, "%w", err).WithHint("see `%s --help`", c.CommandPath())
		}
		return expandPaths(c, args)
	}
	asGroup(root)
	completeNames(root)
	return root
}

// asGroup makes a command one that only has others below it: alone it shows its
// help, and a name that none of them has is an error of the command line.
func asGroup(group *cobra.Command) {
	for _, c := range group.Commands() {
		if !c.HasSubCommands() {
			c.Args = usage(c.Args)
		}
	}
	group.SuggestionsMinimumDistance = 2 // edits, as cobra itself suggests for
	group.Args = cobra.ArbitraryArgs
	group.RunE = func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return c.Help()
		}
		err := fault.New(fault.ErrSpec, "%s has no command %q", c.CommandPath(), args[0])
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			return err.WithHint("did you mean %s?", near[0])
		}
		return err.WithHint("see `%s --help`", c.CommandPath())
	}
}

// usage makes wrong arguments an error of the command line.
func usage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if check == nil {
			return nil
		}
		if err := check(c, args); err != nil {
			return fault.New(fault.ErrSpec, "this is called `%s`, and was given %s", strings.TrimSuffix(c.UseLine(), " [flags]"), given(args)).
				WithHint("see `%s --help`", c.CommandPath())
		}
		return nil
	}
}

// given is a verb's arguments in a message.
func given(args []string) string {
	if len(args) == 0 {
		return "no argument"
	}
	return strings.Join(args, " ")
}

// flagError is an error of the flags' library without the names of Go's functions.
type flagError struct{ error }

var goFunction = regexp.MustCompile(`strconv\.\w+: parsing "[^"]*": `)

func (e flagError) Error() string { return goFunction.ReplaceAllString(e.error.Error(), "") }

func (e flagError) Unwrap() error { return e.error }

// wantJSON reports whether a verb is to write for programs.
func wantJSON(c *cobra.Command) bool {
	on, err := c.Flags().GetBool("json")
	return err == nil && on
}

// printJSON writes a result to standard output.
func printJSON(v any) error {
	out := json.NewEncoder(stdout)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(v)
}

// say writes a line for people to standard error.
func say(format string, a ...any) { lastLine.above(visible(fmt.Sprintf(format, a...))) }

// listOf is a list as JSON has it: empty, and never null.
func listOf[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// answer says what a verb has done, and with --json writes what came of it.
func answer(c *cobra.Command, result any, format string, a ...any) error {
	say(format, a...)
	if wantJSON(c) {
		return printJSON(result)
	}
	return nil
}
