package main

import (
	"os"

	"github.com/spf13/cobra"

	"g2c/api/client"
	apiv1 "g2c/api/v1"
	"g2c/internal/pki"
)

func newCertsRevoke() *cobra.Command {
	var f clientFlags
	var note string
	c := &cobra.Command{
		Use:   "revoke SERIAL|DIR",
		Short: "Have a cluster refuse a certificate from now on",
		Long: `Have a cluster refuse a certificate from now on, of a client, a worker or a coordinator:
by its serial number, or by the folder that it was issued into. Its calls are refused and
its streams end within a second, at every coordinator. That cannot be taken back: issue
another one.`,
		Args: cobra.ExactArgs(1),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		serial := args[0]
		if info, err := os.Stat(serial); err == nil && info.IsDir() {
			p, err := pki.Holder(serial)
			if err != nil {
				return err
			}
			serial = p.Serial
			if note == "" {
				note = p.String()
			}
		}
		if err := pki.CheckSerial(serial); err != nil {
			return err
		}
		_, err := cluster.Access().RevokeCertificate(c.Context(), &apiv1.RevokeCertificateRequest{RequestId: client.RequestID(), Serial: serial, Note: note})
		if err != nil {
			return err
		}
		return answer(c, map[string]any{"serial": serial, "revoked": true}, "certificate %s is refused from now on", serial)
	})
	f.add(c)
	c.Flags().StringVar(&note, "note", "", "whose it was, and why")
	return c
}

func newCertsRevoked() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{Use: "revoked", Short: "List the certificates that a cluster refuses", Args: cobra.NoArgs}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, _ []string) error {
		list := []map[string]any{}
		var rows [][]string
		for r, err := range cluster.AllRevocations(c.Context()) {
			if err != nil {
				return err
			}
			list = append(list, map[string]any{"serial": r.Serial, "note": r.Note, "revokedMs": r.RevokedMs})
			rows = append(rows, []string{r.Serial, when(r.RevokedMs), r.Note})
		}
		if wantJSON(c) {
			return printJSON(map[string]any{"revocations": list})
		}
		return printTable([]string{"SERIAL", "REVOKED", "NOTE"}, rows)
	})
	f.add(c)
	return c
}
