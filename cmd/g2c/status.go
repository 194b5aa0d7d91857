package main

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"google.golang.org/grpc/metadata"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/internal/fault"
)

// statusInfo is the JSON of `g2c status`.
type statusInfo struct {
	Leader    string     `json:"leader"`
	Term      uint64     `json:"term"`
	Index     uint64     `json:"index"`
	Nodes     []nodeInfo `json:"nodes"`
	StateHash string     `json:"stateHash"`
	Node      string     `json:"node"` // that says so
	Level     uint32     `json:"level"`
	Workers   uint32     `json:"workers"`
	Connected uint32     `json:"workersConnected"`
	Slots     uint32     `json:"slots"`
	SlotsFree uint32     `json:"slotsFree"`
	Pending   uint32     `json:"pending"`
	Running   uint32     `json:"running"`
}

type nodeInfo struct {
	ID      string `json:"id"`
	Address string `json:"address"`
	Role    string `json:"role"`
	Healthy bool   `json:"healthy"`
	// Replaced is one whose data folder is another: it waits to be removed, and joins then.
	Replaced bool `json:"replaced,omitempty"`
}

// newStatus is `g2c status`.
func newStatus() *cobra.Command {
	var f clientFlags
	var here bool
	c := &cobra.Command{
		Use:   "status",
		Short: "Show the health of a cluster",
		Long:  "Show the health of a cluster. Without a leader the exit code is 5.\n\n" + exitCodes,
		Args:  cobra.NoArgs,
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, _ []string) error {
		ctx := c.Context()
		if here {
			ctx = metadata.AppendToOutgoingContext(ctx, apiv1.HereHeader, "1")
		}
		s, err := askStatus(ctx, cluster)
		if err != nil {
			return err
		}
		if err := printStatus(c, s); err != nil {
			return err
		}
		if s.Leader == "" {
			return fault.New(fault.ErrUnavailable, "no coordinator leads").WithHint("most of the members have to run and reach each other")
		}
		return nil
	})
	f.add(c)
	c.Flags().BoolVar(&here, "here", false, "as the coordinator at --server has it, instead of the one that leads")
	return c
}

// askStatus asks one coordinator after the other until one knows of a leader: others
// may be cut off.
func askStatus(ctx context.Context, cluster *client.Client) (s *apiv1.StatusResponse, err error) {
	for range cluster.Servers() {
		if s, err = cluster.Cluster().Status(ctx, &apiv1.StatusRequest{}); err != nil || s.Leader != "" {
			break
		}
	}
	return s, err
}

func printStatus(c *cobra.Command, s *apiv1.StatusResponse) error {
	info := statusInfo{
		Leader: s.Leader, Term: s.Term, Index: s.Applied, StateHash: s.StateHash, Node: s.Node, Level: s.Level, Nodes: []nodeInfo{},
		Workers: s.Workers, Connected: s.WorkersConnected, Slots: s.Slots, SlotsFree: s.SlotsFree, Pending: s.Pending, Running: s.Running,
	}
	for _, m := range s.Members {
		info.Nodes = append(info.Nodes, nodeInfo{m.Id, m.Address, m.Role, m.Healthy, m.Replaced})
	}
	if wantJSON(c) {
		return printJSON(info)
	}
	fmt.Fprintf(stdout, "leader %s, term %d, index %d, state %.12s (as %s sees it)\n", nameOr(s.Leader, "none"), s.Term, s.Applied, s.StateHash, s.Node)
	fmt.Fprintf(stdout, "%s\n\n", countsOfCluster(s))
	w := tabwriter.NewWriter(stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "COORDINATOR\tADDRESS\tROLE\tHEALTH")
	for _, n := range info.Nodes {
		health := "silent"
		switch {
		case n.Replaced:
			health = "another data folder"
		case n.Healthy:
			health = "healthy"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", n.ID, n.Address, n.Role, health)
	}
	return w.Flush()
}

// countsOfCluster is a line on how many there are of everything.
func countsOfCluster(s *apiv1.StatusResponse) string {
	return fmt.Sprintf("%s, %d connected, %d of %s free; %s pending, %d running", plural(int(s.Workers), "worker"), s.WorkersConnected,
		s.SlotsFree, plural(int(s.Slots), "slot"), plural(int(s.Pending), "task"), s.Running)
}

func nameOr(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}
