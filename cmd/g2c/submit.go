package main

import (
	"context"
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/experiments/spec"
	"g2c/internal/fault"
)

// submitFlags are those of `g2c submit`.
type submitFlags struct {
	experimentFlags
	clientFlags
	class, memory      string
	wait, sharedPaths  bool
	hold               bool
	requestID, receipt string // of a Job that submits
}

// newSubmit is `g2c submit SPEC`.
func newSubmit() *cobra.Command {
	var f submitFlags
	c := &cobra.Command{
		Use:   "submit SPEC",
		Short: "Hand an experiment to a cluster",
		Long: `Hand an experiment to a cluster, and print its id.

The spec is expanded here, and its data read to know what its tasks are; tasks that
the cluster knows or has done are shared. Images are uploaded, unless the cluster has
them: into the bucket that --store names, if it is the cluster's, or else by way of a
coordinator. An upload that was interrupted goes on where it stood. With --shared-paths
workers open images themselves, at the same paths as here.

A spec with a search needs --wait: each round is an experiment of its own, NAME.search-N,
whose results are read in the cluster's store, which --store names, to know the next.

The machine that submits needs no device: tasks are of the numerics class that the
cluster's workers offer, or that --class names.

` + exitCodes,
		Args: cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error { return f.run(c, cluster, args[0]) })
	f.experimentFlags.add(c)
	f.clientFlags.add(c)
	addClass(c, &f.class, "what the cluster's workers offer")
	c.Flags().StringVar(&f.memory, "memory", "", "what each slot has to have, such as 16GiB: a GPU's own, or its part of the machine's (default any)")
	c.Flags().BoolVar(&f.wait, "wait", false, "wait for its end, and end with its exit code")
	c.Flags().BoolVar(&f.hold, "hold", false, "begin nothing of it until it is released: `g2c release`")
	c.Flags().BoolVar(&f.sharedPaths, "shared-paths", false, "workers can open the spec's paths")
	c.Flags().StringVar(&f.requestID, "request-id", "", "name of this submission: sent again, it is not submitted again (default a new one)")
	c.Flags().StringVar(&f.receipt, "receipt", "", "file that the experiment's id is written into, too, for programs that start this one")
	return c
}

func (f *submitFlags) run(c *cobra.Command, cluster *client.Client, name string) error {
	ctx := c.Context()
	if err := checkClass(f.class); err != nil {
		return err
	}
	memory, err := parseSize("--memory", f.memory)
	if err != nil {
		return err
	}
	file, err := readSpec(name, f.sets)
	if err != nil {
		return err
	}
	if err := withoutLabels(file.File); err != nil {
		return err
	}
	if file.Spec.Search != nil && !f.wait {
		return fault.New(fault.ErrSpec, "search: its trials follow from the results of others, and somebody has to submit them").
			WithHint("give --wait, and --store with the cluster's store")
	}
	if f.class == "" {
		if f.class, err = offeredClass(ctx, cluster, file.deviceName(f.device)); err != nil {
			return err
		}
	}
	for round, scored := 1, -1; ; round++ {
		e, _, err := f.look(ctx, file, f.class)
		if err != nil {
			return err
		}
		if !e.searching {
			return f.last(c, cluster, e, memory)
		}
		if n := len(e.plan.Search.Scored()); n > scored {
			scored = n
		} else {
			return fault.New(fault.ErrSpec, "search: the trials of the last round are done, and store %s has no results of them", f.storePath(file)).
				WithHint("--store names the cluster's store: what trials come to is read there")
		}
		e.sayRound()
		suffix := fmt.Sprintf(".search-%d", round)
		r, err := f.submit(ctx, cluster, e, memory, suffix)
		if err == nil {
			err = await(ctx, cluster, r.Experiment, say)
		}
		if err != nil {
			return err
		}
	}
}

// submit hands the plan to the cluster. A round of a search is an experiment with a suffix.
func (f *submitFlags) submit(ctx context.Context, cluster *client.Client, e *experiment, memory int64, suffix string) (*apiv1.SubmitResponse, error) {
	var works []api.Work
	for _, item := range e.plan.Items {
		works = append(works, item.Work)
	}
	if !f.sharedPaths {
		if err := e.upload(ctx, cluster, f.directStore(ctx)); err != nil {
			return nil, err
		}
	}
	meta := e.Spec.Metadata
	id := f.requestID
	if id != "" {
		id += suffix
	}
	r, err := cluster.Submit(ctx, &apiv1.SubmitHeader{
		RequestId: id, Name: e.plan.Experiment + suffix, Project: meta.Project, Priority: int32(meta.Priority), SharedPaths: f.sharedPaths, Held: f.hold,
		MemoryBytes: memory,
	}, works)
	if err == nil {
		say("submitted %s: %s, %d done already", r.Experiment, plural(int(r.Tasks), "task"), r.Done)
	}
	return r, err
}

// last submits a whole experiment, tells its id, and waits if that is wanted.
func (f *submitFlags) last(c *cobra.Command, cluster *client.Client, e *experiment, memory int64) error {
	ctx := c.Context()
	for _, n := range e.notes {
		say("note: %s", n)
	}
	r, err := f.submit(ctx, cluster, e, memory, "")
	if err != nil {
		return err
	}
	if f.receipt != "" { // which may be a device: it is written into, not replaced
		if err := os.WriteFile(f.receipt, []byte(r.Experiment+"\n"), 0o644); err != nil {
			return fault.New(fault.ErrUnavailable, "%s is submitted, and its receipt cannot be written: %w", r.Experiment, err)
		}
	}
	if wantJSON(c) {
		err = printJSON(map[string]any{"experiment": r.Experiment, "tasks": r.Tasks, "done": r.Done})
	} else {
		_, err = fmt.Fprintln(stdout, r.Experiment)
	}
	if err != nil || !f.wait {
		return err
	}
	return await(ctx, cluster, r.Experiment, say)
}

// withoutLabels refuses a spec whose labels a cluster would not keep.
func withoutLabels(file *spec.File) error {
	if len(file.Spec.Metadata.Labels) == 0 {
		return nil
	}
	return fault.New(fault.ErrSpec, "metadata.labels: a cluster does not keep labels in this version").
		WithHint("leave them out, or give --set metadata.labels={}")
}
