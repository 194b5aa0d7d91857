package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"g2c/api/client"
)

// demandInfo is a line of the JSON of demand.
type demandInfo struct {
	Project     string `json:"project"`
	Class       string `json:"class"`
	Device      string `json:"device"`
	MemoryBytes int64  `json:"memoryBytes"`
	WorkerSlots uint32 `json:"workerSlots"`
	Running     uint32 `json:"running"`
	Waiting     uint32 `json:"waiting"`
	Useful      uint32 `json:"useful"`
}

// newDemand is `g2c demand`.
func newDemand() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use:   "demand",
		Short: "Show how many slots of which kinds the experiments make use of, and which workers may go",
		Long: `Show how many slots of which kinds the experiments make use of, and which workers may
go: for whoever adds workers and takes them away.

RUNNING are slots that tasks have, WAITING those with which all would begin that wait
for slots alone, and USEFUL those that would make gangs faster beside these. A task
counts in one line. A line's slots are of workers of its class, device and memory that
have as many slots as it says.

` + exitCodes,
		Args: cobra.NoArgs,
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, _ []string) error {
		list := []demandInfo{}
		var rows [][]string
		for d, err := range cluster.AllDemand(c.Context()) {
			if err != nil {
				return err
			}
			list = append(list, demandInfo{d.Project, d.Numerics, d.Device, d.MemoryBytes, d.WorkerSlots, d.Running, d.Waiting, d.Useful})
			rows = append(rows, []string{
				d.Project, d.Numerics, nameOr(d.Device, "any"), fmt.Sprintf("%d MiB", d.MemoryBytes>>20), fmt.Sprint(d.WorkerSlots),
				fmt.Sprint(d.Running), fmt.Sprint(d.Waiting), fmt.Sprint(d.Useful),
			})
		}
		idle := []string{}
		for w, err := range cluster.AllWorkers(c.Context()) {
			if err != nil {
				return err
			}
			if w.Idle {
				idle = append(idle, w.Id)
			}
		}
		if wantJSON(c) {
			return printJSON(map[string]any{"demand": list, "idle": idle})
		}
		if err := printTable([]string{"PROJECT", "CLASS", "DEVICE", "MEMORY", "WORKER SLOTS", "RUNNING", "WAITING", "USEFUL"}, rows); err != nil {
			return err
		}
		if len(idle) > 0 {
			_, err := fmt.Fprintf(stdout, "\nmay go: %s\n", strings.Join(idle, ", "))
			return err
		}
		return nil
	})
	f.add(c)
	return c
}
