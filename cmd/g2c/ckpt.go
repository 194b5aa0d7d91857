package main

import (
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"g2c/checkpoint"
	"g2c/internal/fault"
)

// newCkpt is `g2c ckpt`.
func newCkpt() *cobra.Command {
	c := &cobra.Command{Use: "ckpt", Short: "Look after a store: ls, show, verify, gc"}
	c.AddCommand(newCkptLs(), newCkptShow(), newCkptVerify(), newCkptGC())
	asGroup(c)
	return c
}

// storedTask is a line of `g2c ckpt ls --json`.
type storedTask struct {
	Key           string  `json:"key"`
	Kind          string  `json:"kind"`
	Class         string  `json:"class"`
	Steps         []int64 `json:"steps"` // of its checkpoints
	Final         bool    `json:"final"`
	Bytes         int64   `json:"bytes"`
	WeightsSHA256 string  `json:"weightsSHA256,omitempty"` // of the newest
}

func newCkptLs() *cobra.Command {
	return &cobra.Command{
		Use:   "ls STORE",
		Short: "List the tasks of a store and their checkpoints",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := openRead(args[0])
			if err != nil {
				return err
			}
			tasks, damage, err := checkpoint.New(s).Tasks(c.Context())
			if err != nil {
				return err
			}
			for _, d := range damage {
				say("warning: %s", d)
			}
			all := []storedTask{}
			for _, t := range tasks {
				all = append(all, storedTaskOf(t))
			}
			if wantJSON(c) {
				return printJSON(all)
			}
			w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "KEY\tKIND\tCLASS\tSTEP\tCHECKPOINTS\tSTATE\tMIB")
			for _, t := range all {
				state := "going on"
				if t.Final {
					state = "done"
				}
				fmt.Fprintf(w, "%.12s\t%s\t%s\t%d\t%d\t%s\t%.1f\n", t.Key, t.Kind, t.Class, last(t.Steps), len(t.Steps), state, float64(t.Bytes)/mib)
			}
			return w.Flush()
		},
	}
}

func storedTaskOf(t checkpoint.Task) storedTask {
	out := storedTask{Key: t.Key, Kind: string(t.Kind), Class: t.Class, Steps: []int64{}, Final: t.Final, Bytes: t.Bytes}
	for _, m := range t.Manifests {
		out.Steps = append(out.Steps, m.Step)
		out.WeightsSHA256 = m.WeightsSHA256()
	}
	return out
}

// last is the newest step, 0 where every manifest is damaged.
func last(steps []int64) int64 {
	if len(steps) == 0 {
		return 0
	}
	return steps[len(steps)-1]
}

func newCkptShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show STORE KEY",
		Short: "Print the manifests of a task, by its key or the beginning of it",
		Args:  cobra.ExactArgs(2),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := openRead(args[0])
			if err != nil {
				return err
			}
			repo := checkpoint.New(s)
			key, err := repo.Find(c.Context(), args[1])
			if err != nil {
				return err
			}
			tasks, damage, err := repo.Tasks(c.Context())
			if err != nil {
				return err
			}
			for _, d := range damage {
				say("warning: %s", d)
			}
			for _, t := range tasks {
				if t.Key == key {
					return showManifests(c, t.Manifests)
				}
			}
			return fault.New(fault.ErrNotFound, "task %s was deleted meanwhile", key)
		},
	}
}

func showManifests(c *cobra.Command, manifests []checkpoint.Manifest) error {
	if wantJSON(c) {
		return printJSON(manifests)
	}
	for _, m := range manifests {
		fmt.Fprintln(stdout, m)
		for _, name := range m.PayloadNames() {
			p := m.Payloads[name]
			fmt.Fprintf(stdout, "  %-10s %s %d bytes\n", name, p.SHA256, p.Bytes)
		}
		fmt.Fprintf(stdout, "  %s\n", m.Description)
	}
	return nil
}

// audit is what `g2c ckpt verify --json` prints.
type audit struct {
	Manifests int      `json:"manifests"`
	Objects   int      `json:"objects"`
	Bytes     int64    `json:"bytes"`
	Damage    []string `json:"damage"`
	Unnamed   []string `json:"unnamed"`
	Strays    []string `json:"strays"`
}

func newCkptVerify() *cobra.Command {
	return &cobra.Command{
		Use:   "verify STORE",
		Short: "Read and hash everything; exit code 1 if anything is damaged",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			s, err := openRead(args[0])
			if err != nil {
				return err
			}
			a, err := checkpoint.New(s).Verify(c.Context(), nil)
			if err != nil {
				return err
			}
			out := audit{Manifests: a.Manifests, Objects: a.Objects, Bytes: a.Bytes, Damage: []string{}, Unnamed: append([]string{}, a.Unnamed...), Strays: append([]string{}, a.Strays...)}
			for _, d := range a.Damages {
				out.Damage = append(out.Damage, d.String())
			}
			if err := printAudit(c, out); err != nil {
				return err
			}
			if n := len(out.Damage); n > 0 {
				return fault.New(fault.ErrTraining, "store %s: %d damaged", args[0], n).
					WithHint("`g2c run` makes again what is missing; another copy of an object can be put in its place")
			}
			return nil
		},
	}
}

func printAudit(c *cobra.Command, a audit) error {
	if wantJSON(c) {
		return printJSON(a)
	}
	for _, d := range a.Damage {
		fmt.Fprintln(stdout, "damaged:", d)
	}
	for _, k := range a.Strays {
		fmt.Fprintln(stdout, "stray:", k)
	}
	if n := len(a.Unnamed); n > 0 {
		fmt.Fprintf(stdout, "%d objects that no manifest names; `g2c ckpt gc` collects them\n", n)
	}
	fmt.Fprintf(stdout, "%d manifests, %d objects, %d bytes read, %d damaged\n", a.Manifests, a.Objects, a.Bytes, len(a.Damage))
	return nil
}

func newCkptGC() *cobra.Command {
	policy := checkpoint.DefaultPolicy()
	var yes bool
	c := &cobra.Command{
		Use:   "gc STORE",
		Short: "Plan what can be deleted, and with --yes delete it",
		Long: `Plan what can be deleted, and with --yes delete it: checkpoints older than a task's
newest ones, and objects that no manifest names. Finished results stay, and so does
whatever is younger than --spare.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return collect(c, args[0], policy, yes) },
	}
	c.Flags().IntVar(&policy.Keep, "keep", policy.Keep, "newest checkpoints of each task that stay")
	c.Flags().DurationVar(&policy.Spare, "spare", policy.Spare, "what is younger stays")
	c.Flags().BoolVar(&yes, "yes", false, "delete; without it the plan is only printed")
	return c
}

// collect plans before it opens for writing, and deletes only in a store that no
// run holds.
func collect(c *cobra.Command, dir string, policy checkpoint.Policy, yes bool) (err error) {
	if err := policy.Validate(); err != nil {
		return fault.New(fault.ErrSpec, "%w", err)
	}
	read, err := openRead(dir)
	if err != nil {
		return err
	}
	repo := checkpoint.New(read)
	if yes {
		s, err := openStore(dir)
		if err != nil {
			return err
		}
		release, err := s.Lock(c.Context(), false)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, release()) }()
		repo = checkpoint.New(s)
	}
	plan, err := repo.PlanGC(c.Context(), policy, time.Now(), nil, nil)
	if err != nil {
		return err
	}
	if wantJSON(c) {
		if err := printJSON(actions(plan)); err != nil {
			return err
		}
	} else {
		fmt.Fprint(stdout, plan)
	}
	if !yes {
		say("nothing was deleted; --yes deletes")
		return nil
	}
	return repo.Execute(c.Context(), plan)
}

// gcAction is a line of `g2c ckpt gc --json`.
type gcAction struct {
	Key    string `json:"key"`
	Bytes  int64  `json:"bytes"`
	Delete bool   `json:"delete"`
	Why    string `json:"why"`
}

func actions(p checkpoint.Plan) []gcAction {
	out := []gcAction{}
	for _, a := range p.Actions {
		out = append(out, gcAction{a.Key, a.Bytes, a.Delete, a.Why})
	}
	return out
}
