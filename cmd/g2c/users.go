package main

import (
	"strings"

	"github.com/spf13/cobra"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/internal/fault"
	"g2c/internal/pki"
)

// newUsers is `g2c users`.
func newUsers() *cobra.Command {
	c := &cobra.Command{Use: "users", Short: "State what holders of client certificates may do"}
	c.AddCommand(newUsersLs(), newUsersSet(), newUsersRm())
	asGroup(c)
	return c
}

// roleOf is a role as people write it.
func roleOf(name string) (apiv1.Role, error) {
	r, ok := apiv1.Role_value["ROLE_"+strings.ToUpper(name)]
	if !ok || r == 0 {
		return 0, fault.New(fault.ErrSpec, "there is no role %q", name).WithHint("it is one of %s", strings.Join(pki.GrantRoles(), ", "))
	}
	return apiv1.Role(r), nil
}

func newUsersSet() *cobra.Command {
	var f clientFlags
	var role, project string
	c := &cobra.Command{
		Use:   "set NAME",
		Short: "State what the holder of a client certificate may do",
		Long: `State what the holder of a client certificate may do, whatever the certificate grants.

Roles, each with all that those before it may do: viewer sees; submitter submits,
cancels and retries; operator cares for workers and projects; admin for users, tokens
and members. A user confined to a project sees that project alone.`,
		Args: cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		r, err := roleOf(role)
		if err != nil {
			return err
		}
		_, err = cluster.Access().SetUser(c.Context(), &apiv1.SetUserRequest{
			RequestId: client.RequestID(), User: &apiv1.User{Name: args[0], Role: r, Project: project},
		})
		if err != nil {
			return err
		}
		return answer(c, map[string]any{"name": args[0], "role": role, "project": project}, "%s is %s of %s", args[0], role, nameOr(project, "all projects"))
	})
	f.add(c)
	c.Flags().StringVar(&role, "role", "", strings.Join(pki.GrantRoles(), ", "))
	c.Flags().StringVar(&project, "project", "", "the only project that the user sees (default all)")
	return c
}

func newUsersRm() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{Use: "rm NAME", Short: "Leave it to a user's certificate again what the user may do", Args: cobra.ExactArgs(1)}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		_, err := cluster.Access().RemoveUser(c.Context(), &apiv1.RemoveUserRequest{RequestId: client.RequestID(), Name: args[0]})
		if err != nil {
			return err
		}
		return answer(c, map[string]any{"name": args[0], "removed": true}, "what %s may do is what the certificate grants", args[0])
	})
	f.add(c)
	return c
}

func newUsersLs() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{Use: "ls", Short: "List the users of whom something is stated", Args: cobra.NoArgs}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, _ []string) error {
		list := []map[string]any{}
		var rows [][]string
		for u, err := range cluster.AllUsers(c.Context()) {
			if err != nil {
				return err
			}
			role := word(u.Role, "ROLE_")
			list = append(list, map[string]any{"name": u.Name, "role": role, "project": u.Project})
			rows = append(rows, []string{u.Name, role, nameOr(u.Project, "all")})
		}
		if wantJSON(c) {
			return printJSON(map[string]any{"users": list})
		}
		return printTable([]string{"NAME", "ROLE", "PROJECT"}, rows)
	})
	f.add(c)
	return c
}
