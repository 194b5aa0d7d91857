package main

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/internal/fault"
)

// newWorkers is `g2c workers`.
func newWorkers() *cobra.Command {
	c := &cobra.Command{Use: "workers", Short: "List a cluster's workers, cordon and drain them"}
	c.AddCommand(
		newWorkersLs(),
		newWorkerMode("cordon", "Give a worker nothing new", apiv1.WorkerMode_WORKER_MODE_CORDONED),
		newWorkersDrain(),
		newWorkerMode("ready", "Use a worker again", apiv1.WorkerMode_WORKER_MODE_READY),
		newWorkersMaintain(), newWorkersRemove(),
	)
	asGroup(c)
	return c
}

func newWorkersLs() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{Use: "ls", Short: "List workers", Args: cobra.NoArgs}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, _ []string) error {
		list := []map[string]any{}
		var rows [][]string
		for w, err := range cluster.AllWorkers(c.Context()) {
			if err != nil {
				return err
			}
			runs := holdsOf(w)
			list = append(list, workerInfoOf(w, runs))
			rows = append(rows, []string{
				w.Id, workerState(w), w.Numerics, w.Device, fmt.Sprintf("%d of %d", w.Free, w.Slots), w.Host, strings.Join(runs, ", "), whyMode(w),
			})
		}
		if wantJSON(c) {
			return printJSON(map[string]any{"workers": list})
		}
		return printTable([]string{"ID", "STATE", "CLASS", "DEVICE", "FREE", "HOST", "TASKS", "REASON"}, rows)
	})
	f.add(c)
	return c
}

// holdsOf is what runs on a worker.
func holdsOf(w *apiv1.Worker) []string {
	runs := []string{}
	for _, h := range w.Allocations {
		runs = append(runs, nameOr(h.Name, "another project's task"))
	}
	return runs
}

// workerInfoOf is a worker in the JSON of the verbs.
func workerInfoOf(w *apiv1.Worker, runs []string) map[string]any {
	return map[string]any{
		"id": w.Id, "class": w.Numerics, "device": w.Device, "host": w.Host, "slots": w.Slots, "free": w.Free, "state": workerState(w),
		"reason": w.Reason, "fromMs": w.FromMs, "untilMs": w.UntilMs, "tasks": runs, "idle": w.Idle, "memoryBytes": w.MemoryBytes,
	}
}

// whyMode is why a worker is not in use, and when its maintenance is.
func whyMode(w *apiv1.Worker) string {
	var why []string
	if w.Mode == apiv1.WorkerMode_WORKER_MODE_MAINTENANCE {
		why = append(why, fmt.Sprintf("from %s to %s", when(w.FromMs), when(w.UntilMs)))
	}
	if w.Reason != "" {
		why = append(why, w.Reason)
	}
	return strings.Join(why, ": ")
}

// workerState is a worker's state in a word.
func workerState(w *apiv1.Worker) string {
	switch {
	case w.Lost:
		return "lost"
	case !w.Connected:
		return "silent"
	}
	return word(w.Mode, "WORKER_MODE_")
}

func newWorkerMode(name, short string, mode apiv1.WorkerMode) *cobra.Command {
	var f clientFlags
	var reason string
	c := &cobra.Command{Use: name + " ID", Short: short, Args: cobra.ExactArgs(1)}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		return setMode(c, cluster, &apiv1.SetWorkerModeRequest{Id: args[0], Mode: mode, Reason: reason})
	})
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why, for whoever looks at it later")
	return c
}

// newWorkersDrain is `g2c workers drain ID`.
func newWorkersDrain() *cobra.Command {
	var f clientFlags
	var reason string
	var wait bool
	c := &cobra.Command{
		Use: "drain ID", Short: "Give a worker nothing new, and have what runs there save and stop",
		Long: `Give a worker nothing new, and have what runs there save and stop.

With --wait the command ends once nothing is on the worker any more: its process may be
ended then.

` + exitCodes,
		Args: cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		req := &apiv1.SetWorkerModeRequest{RequestId: client.RequestID(), Id: args[0], Mode: apiv1.WorkerMode_WORKER_MODE_DRAINING, Reason: reason}
		if !wait {
			return setMode(c, cluster, req)
		}
		if _, err := cluster.Workers().SetWorkerMode(c.Context(), req); err != nil {
			return err
		}
		w, err := cluster.AwaitEmpty(c.Context(), args[0])
		if errors.Is(err, rpcerr.NotFound) { // its process has ended by itself
			return answer(c, map[string]any{"id": args[0], "state": "removed"}, "worker %s is gone", args[0])
		}
		if err != nil {
			return err
		}
		return answer(c, workerInfoOf(w, holdsOf(w)), "nothing is on worker %s any more", args[0])
	})
	f.add(c)
	c.Flags().StringVar(&reason, "reason", "", "why, for whoever looks at it later")
	c.Flags().BoolVar(&wait, "wait", false, "until nothing is on it any more")
	return c
}

func setMode(c *cobra.Command, cluster *client.Client, req *apiv1.SetWorkerModeRequest) error {
	req.RequestId = client.RequestID()
	r, err := cluster.Workers().SetWorkerMode(c.Context(), req)
	if err != nil {
		return err
	}
	what := word(r.Worker.Mode, "WORKER_MODE_")
	if r.Worker.Mode == apiv1.WorkerMode_WORKER_MODE_MAINTENANCE {
		what = "in " + what
	}
	if why := whyMode(r.Worker); why != "" {
		what += ", " + why
	}
	return answer(c, workerInfoOf(r.Worker, holdsOf(r.Worker)), "worker %s is %s", req.Id, what)
}

func newWorkersMaintain() *cobra.Command {
	var f clientFlags
	var in, length time.Duration
	var reason string
	c := &cobra.Command{
		Use: "maintain ID", Short: "Drain a worker in time for its maintenance, and use it again afterwards", Args: cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		if length <= 0 || in < 0 {
			return fault.New(fault.ErrSpec, "maintenance in %v for %v", in, length).WithHint("say --for 2h, and --in 30m if it is not to begin now")
		}
		from := time.Now().Add(in)
		return setMode(c, cluster, &apiv1.SetWorkerModeRequest{
			Id: args[0], Mode: apiv1.WorkerMode_WORKER_MODE_MAINTENANCE, FromMs: from.UnixMilli(), UntilMs: from.Add(length).UnixMilli(), Reason: reason,
		})
	})
	f.add(c)
	c.Flags().DurationVar(&in, "in", 0, "when it begins, from now")
	c.Flags().DurationVar(&length, "for", 0, "how long it takes")
	c.Flags().StringVar(&reason, "reason", "", "why, for whoever looks at it later")
	return c
}

func newWorkersRemove() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use: "remove ID", Short: "Forget a worker whose process has ended for good: what it held is free", Args: cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		_, err := cluster.Workers().RemoveWorker(c.Context(), &apiv1.RemoveWorkerRequest{RequestId: client.RequestID(), Id: args[0]})
		if err != nil {
			return err
		}
		return answer(c, map[string]any{"id": args[0], "state": "removed"}, "worker %s is forgotten", args[0])
	})
	f.add(c)
	return c
}
