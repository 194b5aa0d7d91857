package main

import (
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"g2c/internal/fault"
	"g2c/internal/pki"
)

// newCerts is `g2c certs`.
func newCerts() *cobra.Command {
	c := &cobra.Command{Use: "certs", Short: "Make a small certificate authority, and certificates"}
	c.AddCommand(newCertsInit(), newCertsIssue(), newCertsShow(), newCertsRevoke(), newCertsRevoked(), newCertsRenew())
	asGroup(c)
	return c
}

func newCertsInit() *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "Make a certificate authority in a folder",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := pki.InitCA(args[0]); err != nil {
				return err
			}
			return answer(c, map[string]any{"dir": args[0]}, "made an authority in %s: keep %s secret, it makes anybody a member",
				args[0], filepath.Join(args[0], "ca.key"))
		},
	}
}

func newCertsRenew() *cobra.Command {
	return &cobra.Command{
		Use:   "renew DIR",
		Short: "Replace the key of a certificate authority; the old certificate stays beside the new one",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := pki.RenewCA(args[0]); err != nil {
				return err
			}
			return answer(c, map[string]any{"dir": args[0]}, "give %s to every node, wait until its processes have read it, and issue their certificates anew", filepath.Join(args[0], "ca.crt"))
		},
	}
}

func newCertsIssue() *cobra.Command {
	var role, out string
	var r pki.Request
	var days int
	c := &cobra.Command{
		Use:   "issue DIR",
		Short: "Issue a certificate by the authority in a folder",
		Long: `Issue a certificate by the authority in a folder. Its role and name are what its
holder is: a coordinator and a worker have those of --id. What a client may do follows
from --grant and --project, unless the cluster says otherwise (g2c users set). Issued into
the folder of a running process, it is taken up without a restart. The identity of
somebody else is replaced only with --force.`,
		Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			r.Role, r.Valid = pki.Role(role), time.Duration(days)*24*time.Hour
			if days < 1 {
				return fault.New(fault.ErrSpec, "--days %d: a certificate is valid for a day at least", days)
			}
			if out == "" {
				return fault.New(fault.ErrSpec, "no folder is named for the certificate").WithHint("say -o DIR")
			}
			if err := pki.Issue(args[0], out, r); err != nil {
				return err
			}
			p, err := pki.Holder(out)
			if err != nil {
				return err
			}
			return answer(c, map[string]any{"role": role, "name": r.Name, "dir": out, "days": days, "serial": p.Serial},
				"issued %s/%s into %s, for %s; serial %s", r.Role, r.Name, out, plural(days, "day"), p.Serial)
		},
	}
	c.Flags().StringVar(&role, "role", "", strings.Join(roleNames(), ", "))
	c.Flags().StringVar(&r.Name, "name", "", "name of its holder")
	c.Flags().StringVar(&r.Grant.Role, "grant", "", "what a client may do: "+strings.Join(pki.GrantRoles(), ", ")+" (default: as the cluster says)")
	c.Flags().StringVar(&r.Grant.Project, "project", "", "the only project that a client sees (with --grant)")
	c.Flags().StringSliceVar(&r.Hosts, "host", nil, "name or address under which others reach it (repeatable)")
	c.Flags().IntVar(&days, "days", int(pki.LeafValid/(24*time.Hour)), "how long it is valid")
	addForce(c, &r.Force)
	c.Flags().StringVarP(&out, "out", "o", "", "folder for the certificate")
	return c
}

func newCertsShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show DIR",
		Short: "Say whose certificate is in a folder, what it grants, until when, and its serial number",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := pki.Holder(args[0])
			if err != nil {
				return err
			}
			grants := "what the cluster says"
			switch {
			case p.Role != pki.Client:
				grants = "what a " + string(p.Role) + " does"
			case p.Grant.Project != "":
				grants = p.Grant.Role + " of project " + p.Grant.Project
			case p.Grant.Role != "":
				grants = p.Grant.Role
			}
			return answer(c, map[string]any{
				"role": p.Role, "name": p.Name, "grant": p.Grant.Role, "project": p.Grant.Project, "serial": p.Serial, "notAfter": p.NotAfter.UTC(),
			}, "%s\ngrants: %s\nserial: %s\nuntil:  %s", p, grants, p.Serial, p.NotAfter.UTC().Format(time.DateTime))
		},
	}
}

func roleNames() []string {
	var out []string
	for _, r := range pki.Roles() {
		out = append(out, string(r))
	}
	return out
}
