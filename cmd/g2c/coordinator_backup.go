package main

import (
	"bufio"
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"

	"g2c/api/client"
	"g2c/coordinator/raftnode"
	"g2c/internal/fault"
)

// newCoordinatorBackup is `g2c coordinator backup FILE`.
func newCoordinatorBackup() *cobra.Command {
	var f clientFlags
	out := output{begins: []string{"g2c/state/"}}
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a cluster's whole state into a file",
		Long: `Write a cluster's whole state into a file: everything acknowledged before. The
cluster goes on meanwhile. Checkpoints and data are in the store, and not in it.
An older backup in FILE is replaced; another file only with --force.

` + exitCodes,
		Args: usage(cobra.ExactArgs(1)),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		out.path = args[0]
		if err := out.check(); err != nil {
			return err
		}
		if err := out.stream(func(w io.Writer) error { return cluster.Backup(c.Context(), w) }); err != nil {
			return err
		}
		return answer(c, map[string]any{"file": args[0]}, "wrote the cluster's state into %s", args[0])
	})
	f.add(c)
	addForce(c, &out.force)
	return c
}

// newCoordinatorRestore is `g2c coordinator restore FILE`.
func newCoordinatorRestore() *cobra.Command {
	var id, listen, dir string
	c := &cobra.Command{
		Use:   "restore FILE",
		Short: "Make a data folder of a backup: a new cluster of one coordinator",
		Long: `Make a data folder of a backup: a new cluster of one coordinator, which others join
with empty folders. The cluster that was backed up must not run any more.

` + exitCodes,
		Args: usage(cobra.ExactArgs(1)),
		RunE: func(c *cobra.Command, args []string) (err error) {
			if id == "" || listen == "" || dir == "" {
				return fault.New(fault.ErrSpec, "restore needs --id, --listen and --data-dir, as the coordinator will have them")
			}
			in, err := os.Open(args[0])
			if os.IsNotExist(err) {
				return fault.New(fault.ErrNotFound, "there is no backup %s", args[0])
			}
			if err != nil {
				return fault.New(fault.ErrUnavailable, "read backup: %w", err)
			}
			defer func() { err = errors.Join(err, in.Close()) }()
			if err := raftnode.Restore(dir, id, listen, bufio.NewReaderSize(in, 1<<20)); err != nil {
				return err
			}
			return answer(c, map[string]any{"id": id, "listen": listen, "dataDir": dir},
				"restored into %s: start it with `g2c coordinator --id %s --listen %s --data-dir %s --certs ...`, and the --store of before", dir, id, listen, dir)
		},
	}
	c.Flags().StringVar(&id, "id", "", "name of the coordinator, as in its certificate")
	c.Flags().StringVar(&listen, "listen", "", "host:port under which others will reach it")
	c.Flags().StringVar(&dir, "data-dir", "", "folder to make")
	return c
}
