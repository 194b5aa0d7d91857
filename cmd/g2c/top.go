package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
)

// topRow is a task at work, in the JSON of `g2c top`.
type topRow struct {
	taskInfo
	Rate float64 `json:"stepsPerSecond"`
	Left float64 `json:"secondsLeft,omitempty"` // unknown if there is none
	Note string  `json:"note,omitempty"`
}

// newTop is `g2c top`.
func newTop() *cobra.Command {
	var f clientFlags
	var every time.Duration
	c := &cobra.Command{
		Use:   "top",
		Short: "Show what a cluster is at: slots, and the tasks that run, with rate and time left",
		Long: `Show what a cluster is at: slots, and the tasks that run, with rate and time left. On
a terminal it goes on until it is interrupted; elsewhere, and with --json, it shows
that once.

` + exitCodes,
		Args: cobra.NoArgs,
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, _ []string) error {
		if wantJSON(c) || !stdout.isTerminal() {
			return printTop(c, cluster)
		}
		for {
			fmt.Fprint(stdout, "\x1b[H\x1b[2J")
			if err := printTop(c, cluster); err != nil {
				return err
			}
			select {
			case <-c.Context().Done():
				return nil
			case <-time.After(max(every, 100*time.Millisecond)):
			}
		}
	})
	f.add(c)
	c.Flags().DurationVar(&every, "every", 2*time.Second, "time between two looks, on a terminal")
	return c
}

func printTop(c *cobra.Command, cluster *client.Client) error {
	s, err := askStatus(c.Context(), cluster)
	if err != nil {
		return err
	}
	at, err := atWork(c.Context(), cluster)
	if err != nil {
		return err
	}
	if wantJSON(c) {
		return printJSON(map[string]any{
			"leader": s.Leader, "workers": s.Workers, "workersConnected": s.WorkersConnected, "slots": s.Slots, "slotsFree": s.SlotsFree,
			"pending": s.Pending, "running": s.Running, "tasks": at,
		})
	}
	fmt.Fprintf(stdout, "leader %s; %s\n\n", nameOr(s.Leader, "none"), countsOfCluster(s))
	var rows [][]string
	for _, t := range at {
		rate, left := "", ""
		if t.Rate > 0 {
			rate = fmt.Sprintf("%.3g", t.Rate)
		}
		if t.Left > 0 {
			left = time.Duration(t.Left * float64(time.Second)).Round(time.Second).String()
		}
		rows = append(rows, []string{t.Name, t.Key[:12], t.State, stepOf(t.Step, t.Steps), rate, left, strings.Join(t.Workers, ","), t.Note})
	}
	return printTable([]string{"NAME", "KEY", "STATE", "PROGRESS", "STEPS/S", "LEFT", "WORKERS", "NOTE"}, rows)
}

// atWork lists the tasks that workers have.
func atWork(ctx context.Context, cluster *client.Client) ([]topRow, error) {
	rows := []topRow{}
	for _, state := range []apiv1.TaskState{apiv1.TaskState_TASK_STATE_RUNNING, apiv1.TaskState_TASK_STATE_PLACED} {
		for t, err := range cluster.AllTasks(ctx, &apiv1.ListTasksRequest{State: state}) {
			if err != nil {
				return nil, err
			}
			p := t.GetProgress()
			row := topRow{taskInfo: infoOf(t), Rate: p.GetStepsPerSecond(), Note: p.GetNote()}
			if row.Rate > 0 && p.GetSteps() > p.GetStep() {
				row.Left = float64(p.GetSteps()-p.GetStep()) / row.Rate
			}
			rows = append(rows, row)
		}
	}
	return rows, nil
}
