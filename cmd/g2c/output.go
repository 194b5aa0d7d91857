package main

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"g2c/internal/atomicfile"
	"g2c/internal/fault"
)

// output is a file that a verb writes because the user names it. What the verb reads is
// never replaced; another file is if the verb made it, which its first bytes tell, or
// with --force.
type output struct {
	path  string
	force bool
	// begins are what the verb's files have at a place, one of them each.
	begins []string
	at     int
}

// outputHelp says in the help of a verb what becomes of a file that is there.
const outputHelp = `A file that is there is replaced if this command made it; any other one only with
--force, and what the command reads never.`

// addForce defines the flag that replaces what others made.
func addForce(c *cobra.Command, force *bool) {
	c.Flags().BoolVar(force, "force", false, "replace a file that this command did not make")
}

// check refuses, before any work is done, to replace what is not the verb's. The inputs are
// the files that it reads.
func (o *output) check(inputs ...string) error { return o.checkFor(nil, inputs) }

// checkFor is check where the bytes to be written are known: a file that holds them may
// be there.
func (o *output) checkFor(data []byte, inputs []string) error {
	if o.path == "-" {
		return fault.New(fault.ErrSpec, "- names no file").WithHint("/dev/stdout is standard output, and ./- a file of that name")
	}
	info, err := os.Stat(o.path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err = os.Stat(filepath.Dir(o.path)); err == nil {
			return nil
		}
	}
	switch {
	case err != nil:
		return unwritableFile(o.path, err)
	case info.IsDir():
		return fault.New(fault.ErrUnavailable, "write %s: it is a folder", o.path).WithHint("name a file in it")
	case !info.Mode().IsRegular() || atomicfile.IsDescriptor(o.path):
		return nil // nothing is replaced
	}
	for _, in := range inputs {
		if read, err := os.Stat(in); err == nil && os.SameFile(read, info) {
			return fault.New(fault.ErrSpec, "%s would be written over %s, which is read", o.path, in).WithHint("name another file to write")
		}
	}
	if o.force {
		return nil
	}
	made, err := o.made(info, data)
	if err == nil && !made {
		err = fault.New(fault.ErrSpec, "%s is there, and was not made by this command", o.path).WithHint("name another file, or replace it with --force")
	}
	return err
}

// made says whether a file is one of the verb's, or has the bytes that are to be written.
func (o *output) made(info fs.FileInfo, data []byte) (bool, error) {
	if info.Size() == 0 { // as mktemp makes them: nothing is lost
		return true, nil
	}
	f, err := os.Open(o.path)
	if err != nil {
		return false, unwritableFile(o.path, err)
	}
	defer f.Close()
	for _, begin := range o.begins {
		head := make([]byte, len(begin))
		if _, err := f.ReadAt(head, int64(o.at)); err == nil && string(head) == begin { // a shorter file is another
			return true, nil
		}
	}
	if info.Size() != int64(len(data)) {
		return false, nil
	}
	there, err := io.ReadAll(f)
	if err != nil {
		return false, unwritableFile(o.path, err)
	}
	return bytes.Equal(there, data), nil
}

// write writes the file whole or not at all.
func (o *output) write(data []byte, inputs ...string) error {
	if err := o.checkFor(data, inputs); err != nil {
		return err
	}
	return o.stream(func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// stream writes the file whole or not at all, as it comes.
func (o *output) stream(write func(io.Writer) error) error {
	_, _ = atomicfile.Sweep(filepath.Dir(o.path)) // a courtesy: what stays is hidden
	f, err := atomicfile.Create(o.path, atomicfile.Options{Sync: true})
	if err != nil {
		return unwritableFile(o.path, err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	err = write(w)
	if err == nil {
		err = w.Flush()
	}
	if err == nil {
		err = f.Commit()
	} else {
		err = errors.Join(err, f.Abort())
	}
	var at *fs.PathError
	if errors.As(err, &at) {
		return unwritableFile(o.path, at)
	}
	return err
}

func unwritableFile(path string, err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		err = at.Err
	}
	return fault.New(fault.ErrUnavailable, "write %s: %w", path, err).WithHint("check the folder, its permissions and the space in it")
}
