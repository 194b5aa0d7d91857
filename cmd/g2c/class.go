package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"g2c/api"
	"g2c/api/client"
	"g2c/internal/fault"
)

// addClass defines the flag of verbs that expand a spec for devices which are elsewhere.
func addClass(c *cobra.Command, class *string, without string) {
	c.Flags().StringVar(class, "class", "", "numerics class of the tasks, such as "+api.ClassCPU+" or cuda-sm90a-1 (default "+without+")")
}

// checkClass refuses what --class says unless it is a class, or nothing.
func checkClass(class string) error {
	if class == "" {
		return nil
	}
	if err := api.CheckNumerics(class); err != nil {
		return fault.New(fault.ErrSpec, "--class: %w", err).WithHint("`g2c workers ls` lists the classes of a cluster's workers")
	}
	return nil
}

// How long a submission waits for the first worker: clusters are started by scripts that
// submit at once.
const (
	firstWorkerWait = 15 * time.Second
	firstWorkerPoll = 200 * time.Millisecond
)

// offeredClass is the class of a cluster's workers that suits a device.
func offeredClass(ctx context.Context, cluster *client.Client, device string) (string, error) {
	waited := time.After(firstWorkerWait)
	for asked := false; ; asked = true {
		offered, err := connectedClasses(ctx, cluster)
		if err != nil {
			return "", err
		}
		if len(offered) > 0 {
			return chooseClass(device, offered)
		}
		if !asked {
			say("no worker is connected yet, waiting for one to learn its numerics class")
		}
		select {
		case <-ctx.Done():
			return "", fault.New(fault.ErrInterrupted, "wait for a worker: %w", ctx.Err())
		case <-waited:
			return chooseClass(device, nil)
		case <-time.After(firstWorkerPoll):
		}
	}
}

// connectedClasses counts a cluster's connected workers by their class.
func connectedClasses(ctx context.Context, cluster *client.Client) (map[string]int, error) {
	n := map[string]int{}
	for w, err := range cluster.AllWorkers(ctx) {
		if err != nil {
			return nil, err
		}
		if w.Connected && !w.Lost {
			n[w.Numerics]++
		}
	}
	return n, nil
}

// chooseClass chooses of the classes that workers offer, with how many do, the only one
// of the kind that a device names: auto names none.
func chooseClass(device string, offered map[string]int) (string, error) {
	if len(offered) == 0 {
		return "", fault.New(fault.ErrUnavailable, "no worker is connected, so it is not known in which numerics class the tasks would be computed").
			WithHint("start a worker, or say --class %s (or cuda-sm90a-1, ...) to submit for workers that are to come", api.ClassCPU)
	}
	kind, _, _ := strings.Cut(device, ":")
	suit := slices.DeleteFunc(slices.Sorted(maps.Keys(offered)), func(class string) bool { return kind != "auto" && kindOfClass(class) != kind })
	switch len(suit) {
	case 1:
		return suit[0], nil
	case 0:
		return "", fault.New(fault.ErrSpec, "the experiment is for the device %s, and the cluster's workers offer %s", device, countClasses(offered)).
			WithHint("say --device auto to take what they offer, or --class CLASS to submit for workers that are to come")
	}
	return "", fault.New(fault.ErrSpec, "the cluster's workers offer several numerics classes, and the results of one experiment are of one: %s", countClasses(offered)).
		WithHint("say --class %s, or another of them", suit[0])
}

// kindOfClass is the kind of device that computes in a class, as --device names it.
func kindOfClass(class string) string {
	switch {
	case api.IsCUDA(class):
		return "cuda"
	case strings.HasPrefix(class, "ref-"):
		return "ref"
	}
	return "cpu"
}

// countClasses lists classes with how many workers have them.
func countClasses(offered map[string]int) string {
	var out []string
	for _, class := range slices.Sorted(maps.Keys(offered)) {
		out = append(out, fmt.Sprintf("%s (%s)", class, plural(offered[class], "worker")))
	}
	return strings.Join(out, ", ")
}
