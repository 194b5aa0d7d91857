package main

import (
	"context"
	"fmt"
	"os"
	"sync"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/experiments/record"
	"g2c/experiments/report"
	"g2c/internal/fault"
	"g2c/kernels"
)

// newAuthenticity is `g2c authenticity EXPERIMENT`.
func newAuthenticity() *cobra.Command {
	var f authenticityFlags
	c := &cobra.Command{
		Use:   "authenticity EXPERIMENT",
		Short: "Say whether generators still make their stains after joint training",
		Long: `Say whether generators still make their stains after joint training.

Joint training changes generators by the classifier's loss alone, which asks for no
stain. For every generator of every finished fine-tuning this compares what it made of
the same images as it was pretrained, and what it makes of them now. The images are up
to 32 test images at equal distances in the order of their names, on which nothing was
trained; where there are none, unlabelled ones of the source.

EXPERIMENT is a run of --store as ` + "`g2c ls`" + ` prints it (NAME or NAME@HASH), a spec, which
stands for the first run of its name, or a store with one run. ` + "`g2c run`" + ` does this at its end; this makes what a store
lacks, also of one that a cluster filled, where the data are at hand. What was made is
kept beside the run's record, and shown by ` + "`g2c report`" + `, whose page has images, too.
docs/report.md says what the numbers are and how the verdict is found.

` + exitCodes,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return f.show(c, args[0]) },
	}
	c.Flags().StringVar(&f.store, "store", defaultStore, storeHelp+" of the experiment")
	addDevice(c, &f.device, "auto, cpu, cuda, cuda:1 or ref")
	f.imageFlags.add(c)
	addInception(c, &f.inception)
	return c
}

type authenticityFlags struct {
	store, device, inception string
	imageFlags
}

func (f *authenticityFlags) show(c *cobra.Command, arg string) error {
	ctx := c.Context()
	arg, err := experimentOf(arg)
	if err != nil {
		return err
	}
	found, err := findExperiments(ctx, arg, f.store)
	if err != nil {
		return err
	}
	if len(found) != 1 {
		return fault.New(fault.ErrSpec, "store %s has %d experiments", arg, len(found)).WithHint("give one by its name, with --store %s; `g2c ls %s` lists them", arg, arg)
	}
	data, err := f.judged(ctx, found[0])
	if err != nil {
		return err
	}
	if data.Authenticity == nil && len(data.Jointly()) > 0 {
		return fault.New(fault.ErrNotFound, "of no generator of %s it is known what it was", found[0].id)
	}
	if data.Authenticity == nil {
		return fault.New(fault.ErrNotFound, "%s has no finished fine-tuning with generators that were trained before", found[0].id)
	}
	if wantJSON(c) {
		return printJSON(data.Authenticity)
	}
	return data.Authenticity.Text(stdout)
}

// experimentOf is the experiment that a spec's file describes; any other argument is one.
func experimentOf(arg string) (string, error) {
	if info, err := os.Stat(arg); err != nil || !info.Mode().IsRegular() {
		return arg, nil
	}
	file, err := readSpec(arg, nil)
	if err != nil {
		return "", err
	}
	return file.Spec.Metadata.Name, nil
}

// judged collects a run with what is known of its generators, and makes what is not. A store
// that lacks nothing is only read.
func (f *authenticityFlags) judged(ctx context.Context, at stored) (*report.Data, error) {
	from, err := openRead(ctx, at.dir)
	if err != nil {
		return nil, err
	}
	run, err := record.Get(ctx, from, at.id)
	if err != nil {
		return nil, err
	}
	data, err := report.Collect(ctx, checkpoint.New(from), run)
	if err != nil {
		return nil, err
	}
	j := judging{repo: checkpoint.New(from), id: at.id, plan: run.Plan}
	var network *inceptionFile
	if f.inception != "" {
		if network, err = readInception(f.inception); err != nil {
			return nil, err
		}
		defer network.close()
		j.features, j.inception = network, network.hash
	}
	if missing := j.missing(ctx, data); len(missing) > 0 {
		if err := f.make(ctx, at, &j, missing, network); err != nil {
			return nil, err
		}
	}
	data.Authenticate(finder(ctx, from, at.id))
	return data, nil
}

// make makes what a store lacks.
func (f *authenticityFlags) make(ctx context.Context, at stored, j *judging, missing []api.Key, network *inceptionFile) (err error) {
	to, err := openStore(ctx, at.dir)
	if err != nil {
		return err
	}
	j.repo = checkpoint.New(to)
	if j.data, err = f.opener(); err != nil {
		return err
	}
	var opened kernels.Device
	j.device = sync.OnceValues(func() (kernels.Device, error) {
		opened, err = openDevice(f.device)
		return opened, err
	})
	if network != nil {
		network.device = j.device
	}
	err = j.make(ctx, missing)
	if network != nil {
		network.close() // before its device
	}
	if opened != nil {
		if e := opened.Close(); err == nil {
			err = e
		}
	}
	if err != nil && ctx.Err() != nil {
		err = fault.New(fault.ErrInterrupted, "%w", err).WithHint("the same command goes on")
	}
	if err != nil {
		return fmt.Errorf("%s: %w", at.id, err)
	}
	return nil
}
