package main

import (
	"cmp"
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/store"
	"g2c/experiments/record"
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
	Name          string  `json:"name,omitempty"` // in the first run that has it
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
			s, err := openRead(c.Context(), args[0])
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
			names, err := record.Names(c.Context(), s)
			if err != nil {
				return err
			}
			all := []storedTask{}
			for _, t := range tasks {
				one := storedTaskOf(t)
				if key, err := api.ParseKey(t.Key); err == nil {
					one.Name = names[key]
				}
				all = append(all, one)
			}
			if len(all) == 0 {
				say("note: %s has no checkpoint", args[0])
			}
			if wantJSON(c) {
				return printJSON(all)
			}
			w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(w, "KEY\tKIND\tCLASS\tSTEP\tCHECKPOINTS\tSTATE\tMIB\tNAME")
			for _, t := range all {
				state := "going on"
				if t.Final {
					state = "done"
				}
				fmt.Fprintf(w, "%.12s\t%s\t%s\t%d\t%d\t%s\t%.1f\t%s\n", t.Key, t.Kind, t.Class, last(t.Steps), len(t.Steps), state, float64(t.Bytes)/mib, visible(t.Name))
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
			s, err := openRead(c.Context(), args[0])
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
			s, err := openRead(c.Context(), args[0])
			if err != nil {
				return err
			}
			d, done := newDisplay(), int64(0)
			a, err := checkpoint.New(s).Verify(c.Context(), func(string) {
				done++
				d.report(progress{name: "verifying " + args[0], done: done, unit: "file"})
			})
			d.close()
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

// collection is what `g2c ckpt gc` is asked for.
type collection struct {
	policy        checkpoint.Policy
	unwanted, yes bool
}

func newCkptGC() *cobra.Command {
	g := collection{policy: checkpoint.DefaultPolicy()}
	c := &cobra.Command{
		Use:   "gc STORE",
		Short: "Plan what can be deleted, and with --yes delete it",
		Long: `Plan what can be deleted, and with --yes delete it: checkpoints older than a task's
newest ones, except the one that did best on its validation images, and objects that no
manifest names. Finished results stay, and so does whatever is younger than --spare, or
belongs to a task that is running.

--unwanted takes finished work too: of tasks whose experiment was forgotten
(` + "`g2c forget`" + `), if no experiment of the store wants them. Experiments of a cluster are
not recorded in the store, so a task that one of them shares with a forgotten one goes.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return g.run(c, args[0]) },
	}
	c.Flags().IntVar(&g.policy.Keep, "keep", g.policy.Keep, "newest checkpoints of each task that stay")
	c.Flags().DurationVar(&g.policy.Spare, "spare", g.policy.Spare, "what is younger stays")
	c.Flags().BoolVar(&g.unwanted, "unwanted", false, "also what only forgotten experiments wanted")
	c.Flags().BoolVar(&g.yes, "yes", false, "delete; without it the plan is only printed")
	return c
}

// run plans, and deletes only while nobody saves or begins an experiment.
func (g *collection) run(c *cobra.Command, dir string) (err error) {
	ctx := c.Context()
	if err := g.policy.Validate(); err != nil {
		return fault.New(fault.ErrSpec, "%w", err)
	}
	read, err := openRead(ctx, dir)
	if err != nil {
		return err
	}
	if !g.yes {
		repo := checkpoint.New(read)
		judge, err := g.judge(ctx, repo)
		if err != nil {
			return err
		}
		plan, err := repo.PlanGC(ctx, g.policy, time.Now(), judge)
		if err == nil {
			err = showPlan(c, plan)
		}
		if err != nil {
			return err
		}
		say("nothing was deleted; --yes deletes")
		return nil
	}
	s, err := openStore(ctx, dir)
	if err != nil {
		return err
	}
	repo := checkpoint.New(s)
	release, err := repo.Use(ctx, false)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, release()) }()
	return locked(ctx, s, checkpoint.RecordsLock, func() error {
		judge, err := g.judge(ctx, repo)
		if err != nil {
			return err
		}
		err = repo.GC(ctx, g.policy, time.Now(), judge, func(p checkpoint.Plan) error { return showPlan(c, p) })
		if err != nil {
			return err
		}
		return sweepUploads(ctx, s)
	})
}

// uploadAge is how long nobody takes to store an object.
const uploadAge = 24 * time.Hour

// sweepUploads clears away what killed writers left in a store that is no directory.
func sweepUploads(ctx context.Context, s store.Store) error {
	sweeper, ok := s.(store.Sweeper)
	if !ok {
		return nil
	}
	n, err := sweeper.Sweep(ctx, uploadAge, time.Now())
	if n > 0 {
		say("note: %s that nobody completed for a day: aborted", plural(n, "upload"))
	}
	return err
}

// judge knows which tasks run, and which nobody wants.
func (g *collection) judge(ctx context.Context, repo *checkpoint.Repo) (checkpoint.Judge, error) {
	judge := checkpoint.Judge{Running: func(task string) bool {
		_, running, err := repo.Running(task)
		return running || err != nil
	}}
	if !g.unwanted {
		return judge, nil
	}
	keys, err := wanted(ctx, repo.Store(), "")
	if err != nil {
		return judge, err
	}
	judge.Unwanted = func(task string) bool {
		if keys[task] {
			return false
		}
		var note map[string]string
		forgotten, err := repo.Record(ctx, task, forgottenRecord, &note)
		return forgotten && err == nil
	}
	return judge, nil
}

func showPlan(c *cobra.Command, plan checkpoint.Plan) error {
	if wantJSON(c) {
		return printJSON(actions(plan))
	}
	_, err := fmt.Fprint(stdout, plan)
	return err
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
