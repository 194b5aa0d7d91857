package main

import (
	"strconv"

	"github.com/spf13/cobra"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
)

// newProjects is `g2c projects`.
func newProjects() *cobra.Command {
	c := &cobra.Command{Use: "projects", Short: "Set what projects may use of a cluster"}
	c.AddCommand(newProjectsLs(), newProjectsSet())
	asGroup(c)
	return c
}

func newProjectsLs() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{Use: "ls", Short: "List the projects that somebody set; the others have weight 1 and no quota", Args: cobra.NoArgs}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, _ []string) error {
		list := []map[string]any{}
		var rows [][]string
		for p, err := range cluster.AllProjects(c.Context()) {
			if err != nil {
				return err
			}
			list = append(list, map[string]any{"name": p.Name, "weight": p.Weight, "quota": p.Quota, "used": p.Used})
			rows = append(rows, []string{p.Name, strconv.Itoa(int(p.Weight)), quotaOf(p.Quota), strconv.Itoa(int(p.Used))})
		}
		if wantJSON(c) {
			return printJSON(map[string]any{"projects": list})
		}
		return printTable([]string{"NAME", "WEIGHT", "QUOTA", "USED"}, rows)
	})
	f.add(c)
	return c
}

// quotaOf is a quota for people.
func quotaOf(slots uint32) string {
	if slots == 0 {
		return "none"
	}
	return strconv.Itoa(int(slots))
}

func newProjectsSet() *cobra.Command {
	var f clientFlags
	req := &apiv1.SetProjectRequest{}
	c := &cobra.Command{Use: "set NAME", Short: "Set a project's weight and quota", Args: cobra.ExactArgs(1)}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		req.RequestId, req.Name = client.RequestID(), args[0]
		if _, err := cluster.Cluster().SetProject(c.Context(), req); err != nil {
			return err
		}
		return answer(c, map[string]any{"name": req.Name, "weight": req.Weight, "quota": req.Quota},
			"project %s has weight %d and quota %s", req.Name, req.Weight, quotaOf(req.Quota))
	})
	f.add(c)
	c.Flags().Uint32Var(&req.Weight, "weight", 1, "of its fair share")
	c.Flags().Uint32Var(&req.Quota, "quota", 0, "most slots at once; 0 for no limit")
	return c
}

// newAudit is `g2c audit`.
func newAudit() *cobra.Command {
	var f clientFlags
	var after uint64
	c := &cobra.Command{Use: "audit", Short: "List who changed what in a cluster, oldest first", Args: cobra.NoArgs}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, _ []string) error {
		list := []map[string]any{}
		var rows [][]string
		for more := true; more; {
			r, err := cluster.Cluster().ListAudits(c.Context(), &apiv1.ListAuditsRequest{After: after, PageSize: 1000})
			if err != nil {
				return err
			}
			for _, a := range r.Audits {
				after = a.Number
				list = append(list, map[string]any{
					"number": a.Number, "atMs": a.AtMs, "principal": a.Principal, "verb": a.Verb, "subject": a.Subject, "outcome": a.Outcome,
				})
				rows = append(rows, []string{when(a.AtMs), a.Principal, a.Verb, a.Subject, a.Outcome})
			}
			more = r.More
		}
		if wantJSON(c) {
			return printJSON(map[string]any{"audit": list})
		}
		return printTable([]string{"AT", "PRINCIPAL", "VERB", "SUBJECT", "OUTCOME"}, rows)
	})
	f.add(c)
	c.Flags().Uint64Var(&after, "after", 0, "only those after this number")
	return c
}
