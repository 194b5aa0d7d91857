package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
)

// newToken is `g2c token`.
func newToken() *cobra.Command {
	c := &cobra.Command{Use: "token", Short: "Make, list and revoke tokens, by which people show who they are"}
	c.AddCommand(newTokenCreate(), newTokenLs(), newTokenRevoke())
	asGroup(c)
	return c
}

func newTokenCreate() *cobra.Command {
	var f clientFlags
	var project, role, note string
	var valid time.Duration
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a token and print it",
		Long: `Make a token and print it. The cluster learns its hash alone: what is printed here
is nowhere else.

Roles, each with all that those before it may do: viewer sees; submitter submits,
cancels and retries; operator cares for workers and projects; admin for tokens and
members. A token for a project sees that project alone.`,
		Args: cobra.NoArgs,
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, _ []string) error {
		r, err := roleOf(role)
		if err != nil {
			return err
		}
		token, hash := client.NewToken()
		resp, err := cluster.Tokens().CreateToken(c.Context(), &apiv1.CreateTokenRequest{
			RequestId: client.RequestID(), Project: project, Role: r, ValidMs: valid.Milliseconds(), Note: note, Hash: hash,
		})
		if err != nil {
			return err
		}
		say("made token %s", resp.Token.Id)
		if wantJSON(c) {
			return printJSON(map[string]any{"id": resp.Token.Id, "token": token})
		}
		_, err = fmt.Fprintln(stdout, token)
		return err
	})
	f.add(c)
	c.Flags().StringVar(&project, "project", "", "the only project that it is for (default all)")
	c.Flags().StringVar(&role, "role", "submitter", "viewer, submitter, operator or admin")
	c.Flags().DurationVar(&valid, "valid", 90*24*time.Hour, "how long it is valid; 0 for ever")
	c.Flags().StringVar(&note, "note", "", "whose it is, for the list")
	return c
}

func newTokenLs() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{Use: "ls", Short: "List tokens", Args: cobra.NoArgs}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, _ []string) error {
		list := []map[string]any{}
		var rows [][]string
		for t, err := range cluster.AllTokens(c.Context()) {
			if err != nil {
				return err
			}
			role, ends := word(t.Role, "ROLE_"), when(t.ExpiresMs)
			if t.RevokedMs != 0 {
				ends = "revoked " + when(t.RevokedMs)
			}
			list = append(list, map[string]any{
				"id": t.Id, "project": t.Project, "role": role, "note": t.Note, "createdMs": t.CreatedMs, "expiresMs": t.ExpiresMs, "revokedMs": t.RevokedMs,
			})
			rows = append(rows, []string{t.Id, nameOr(t.Project, "all"), role, when(t.CreatedMs), nameOr(ends, "never"), t.Note})
		}
		if wantJSON(c) {
			return printJSON(map[string]any{"tokens": list})
		}
		return printTable([]string{"ID", "PROJECT", "ROLE", "CREATED", "ENDS", "NOTE"}, rows)
	})
	f.add(c)
	return c
}

func newTokenRevoke() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{Use: "revoke ID", Short: "End a token", Args: cobra.ExactArgs(1)}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		_, err := cluster.Tokens().RevokeToken(c.Context(), &apiv1.RevokeTokenRequest{RequestId: client.RequestID(), Id: args[0]})
		if err != nil {
			return err
		}
		return answer(c, map[string]any{"id": args[0], "revoked": true}, "token %s opens nothing any more", args[0])
	})
	f.add(c)
	return c
}
