package main

import (
	"bufio"
	"errors"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"g2c/api/client"
	"g2c/internal/fault"
)

// newCoordinatorBackup is `g2c coordinator backup FILE`.
func newCoordinatorBackup() *cobra.Command {
	var f clientFlags
	c := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a cluster's whole state into a file",
		Long: `Write a cluster's whole state into a file: everything acknowledged before. The
cluster goes on meanwhile. Checkpoints and data are in the store, and not in it.

` + exitCodes,
		Args: usage(cobra.ExactArgs(1)),
	}
	c.RunE = f.call(func(c *cobra.Command, cluster *client.Client, args []string) error {
		return writeWhole(args[0], func(w *bufio.Writer) error { return cluster.Backup(c.Context(), w) })
	})
	f.add(c)
	return c
}

// writeWhole writes a file that is there whole or not at all.
func writeWhole(path string, write func(*bufio.Writer) error) (err error) {
	out, err := os.CreateTemp(filepath.Dir(path), ".backup-*")
	if err != nil {
		return fault.New(fault.ErrUnavailable, "write %s: %w", path, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(out.Name()))
		}
	}()
	w := bufio.NewWriterSize(out, 1<<20)
	err = write(w)
	if err == nil {
		err = errors.Join(w.Flush(), out.Sync())
	}
	if err = errors.Join(err, out.Close()); err != nil {
		return err
	}
	if err = os.Rename(out.Name(), path); err != nil {
		return fault.New(fault.ErrUnavailable, "write %s: %w", path, err)
	}
	return nil
}
