package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/internal/fault"
)

// newMembers is `g2c members`.
func newMembers() *cobra.Command {
	c := &cobra.Command{Use: "members", Short: "Change which coordinators a cluster has"}
	c.AddCommand(newMembersRemove(), newMembersTransfer(), newMembersRaise())
	asGroup(c)
	return c
}

func newMembersRemove() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use: "remove ID", Short: "Take a coordinator out for good, before another one replaces it", Args: cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		_, err := cluster.Cluster().RemoveMember(c.Context(), &apiv1.RemoveMemberRequest{RequestId: client.RequestID(), Id: args[0]})
		if err != nil {
			return err
		}
		return answer(c, map[string]any{"id": args[0], "role": "removed"}, "%s is no member any more", args[0])
	})
	f.add(c)
	return c
}

func newMembersTransfer() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{Use: "transfer", Short: "Have another coordinator lead", Args: cobra.NoArgs}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, _ []string) error {
		_, err := cluster.Cluster().TransferLeadership(c.Context(), &apiv1.TransferLeadershipRequest{RequestId: client.RequestID()})
		if err != nil {
			return err
		}
		return answer(c, map[string]any{"transferred": true}, "another coordinator takes the lead: `g2c status` says which")
	})
	f.add(c)
	return c
}

func newMembersRaise() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use: "raise LEVEL", Short: "Say that every coordinator runs a release that reads a level of commands", Args: cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		level, err := strconv.ParseUint(args[0], 10, 31)
		if err != nil {
			return fault.New(fault.ErrSpec, "level %q is no number", args[0]).WithHint("`g2c status --json` shows the level there is")
		}
		_, err = cluster.Cluster().RaiseLevel(c.Context(), &apiv1.RaiseLevelRequest{RequestId: client.RequestID(), Level: uint32(level)})
		if err != nil {
			return err
		}
		return answer(c, map[string]any{"level": level}, "the cluster is at level %d", level)
	})
	f.add(c)
	return c
}
