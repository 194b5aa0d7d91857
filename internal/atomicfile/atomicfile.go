package atomicfile

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Options say how a file is written. The zero Options are those of os.Create.
type Options struct {
	// Mode is the permissions of the file. Zero keeps those of the file that is
	// replaced, and gives a new one what the umask leaves of 0666.
	Mode fs.FileMode
	// Sync waits for the disk: what was committed outlives a power failure.
	Sync bool
	// Exclusive fails with fs.ErrExist where the name is taken, also by a link to
	// nowhere.
	Exclusive bool
}

// File is a file that is being written.
type File struct {
	path   string // as the caller says it, for messages
	target string // where it will lie, links followed
	opt    Options
	out    *os.File  // nil once committed or aborted
	temp   string    // where it lies until then; empty for what is written straight
	held   io.Closer // the lock on temp; nil where there are no locks
	failed error     // the first write that did not succeed
}

// Write writes a file of the parts, one after another.
func Write(path string, o Options, parts ...[]byte) error {
	f, err := Create(path, o)
	if err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := f.Write(p); err != nil {
			break // Commit says so
		}
	}
	return f.Commit()
}

// Create begins a file, whose folder must exist. Either Commit or Abort ends it.
func Create(path string, o Options) (*File, error) {
	f := &File{path: path, opt: o}
	there, err := f.resolve()
	if err != nil {
		return nil, f.because(err)
	}
	if f.out == nil {
		err = f.openTemporary(there)
	}
	if err != nil {
		return nil, f.because(err)
	}
	return f, nil
}

// maxLinks is how many links lead to a file at most, as the kernel has it.
const maxLinks = 40

// resolve finds where the file will lie, and opens it if it is to be written straight.
// What lies there is nil if nothing does.
func (f *File) resolve() (there fs.FileInfo, err error) {
	f.target = f.path
	for range maxLinks {
		if out, ok := openDescriptor(f.target); ok {
			f.out = out
			return out.Stat()
		}
		if there, err = os.Stat(f.target); err == nil && !there.IsDir() && !there.Mode().IsRegular() && !f.opt.Exclusive {
			f.out, err = os.OpenFile(f.target, os.O_WRONLY, 0)
			return there, err
		}
		there, err = os.Lstat(f.target)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil, nil
		case err != nil:
			return nil, err
		case f.opt.Exclusive:
			return nil, fs.ErrExist
		case there.IsDir():
			return nil, syscall.EISDIR
		case there.Mode().Type() != fs.ModeSymlink:
			return there, mayWrite(f.target)
		}
		to, err := os.Readlink(f.target)
		if err != nil {
			return nil, err
		}
		f.target = beside(f.target, to)
	}
	return nil, syscall.ELOOP
}

// beside is where a link leads. The links of its folder count before a .. does.
func beside(link, to string) string {
	if filepath.IsAbs(to) {
		return to
	}
	return filepath.Dir(link) + string(filepath.Separator) + to
}

// IsDescriptor says whether a path means a descriptor of this process, such as /dev/stdout,
// which is written on whatever it is open on.
func IsDescriptor(path string) bool {
	for range maxLinks {
		if _, ok := descriptor(path); ok {
			return true
		}
		to, err := os.Readlink(path)
		if err != nil {
			return false
		}
		path = beside(path, to)
	}
	return false
}

// mayWrite says whether a file may be written: one that is protected is not replaced
// either, though its folder would allow it.
func mayWrite(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	return f.Close()
}

// openTemporary opens the file beside its target. What takes the place of a file that few
// may read is read by nobody until it has its permissions.
func (f *File) openTemporary(there fs.FileInfo) error {
	first := fs.FileMode(0o600)
	if there == nil && f.opt.Mode == 0 {
		first = 0o666
	}
	var err error
	if f.out, f.held, err = createLocked(filepath.Dir(f.target), first); err != nil {
		return err
	}
	f.temp = f.out.Name()
	mode := f.opt.Mode
	if there != nil {
		keepOwner(f.out, there)
		if mode == 0 {
			mode = there.Mode().Perm()
		}
	}
	if mode != 0 {
		err = f.out.Chmod(mode)
	}
	if err != nil {
		return errors.Join(err, f.Abort())
	}
	return nil
}

// Write writes on. After an error Commit fails too.
func (f *File) Write(p []byte) (int, error) {
	n, err := f.out.Write(p)
	if err != nil {
		err = f.because(err)
		if f.failed == nil {
			f.failed = err
		}
	}
	return n, err
}

// WriteAt writes somewhere in the file. After an error Commit does not fail: what failed
// may be written again.
func (f *File) WriteAt(p []byte, at int64) (int, error) {
	n, err := f.out.WriteAt(p, at)
	return n, f.because(err)
}

// ReadAt reads what was written.
func (f *File) ReadAt(p []byte, at int64) (int, error) { return f.out.ReadAt(p, at) }

// Discard takes the file's name away: what was written can be read until Abort, or for
// good, and goes with the process.
func (f *File) Discard() error {
	err := f.because(removed(f.temp))
	f.temp = ""
	return errors.Join(err, f.unlock())
}

// Commit gives the file its name. If it fails there is no new file.
func (f *File) Commit() error {
	err := f.failed
	if err == nil && f.opt.Sync && f.temp != "" {
		err = f.out.Sync()
	}
	if err != nil {
		return errors.Join(f.because(err), f.Abort())
	}
	// Some file systems say at the end alone that they had no room.
	err, f.out = f.out.Close(), nil
	if f.temp == "" {
		return f.because(err)
	}
	if err == nil {
		err = f.name()
	}
	if err != nil {
		return errors.Join(f.because(err), f.Abort())
	}
	f.temp = ""
	err = f.unlock()
	if f.opt.Sync {
		err = errors.Join(err, syncFolder(filepath.Dir(f.target)))
	}
	return f.because(err)
}

// link is os.Link, which some file systems lack.
var link = os.Link

// name puts the file in its place.
func (f *File) name() error {
	if !f.opt.Exclusive {
		return os.Rename(f.temp, f.target)
	}
	err := link(f.temp, f.target)
	if err == nil || errors.Is(err, fs.ErrExist) {
		return errors.Join(err, removed(f.temp))
	}
	// No links here: a file that is made exclusively holds the place.
	place, err := os.OpenFile(f.target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(place.Close(), os.Rename(f.temp, f.target)); err != nil {
		return errors.Join(err, removed(f.target))
	}
	return nil
}

// Abort leaves everything as it was. After Commit it does nothing, so that it may be
// deferred.
func (f *File) Abort() error {
	var err error
	if f.out != nil {
		err, f.out = f.out.Close(), nil
	}
	if f.temp != "" {
		err = errors.Join(err, removed(f.temp))
		f.temp = ""
	}
	return f.because(errors.Join(err, f.unlock()))
}

func (f *File) unlock() (err error) {
	if f.held != nil {
		err, f.held = f.held.Close(), nil
	}
	return err
}

// because makes an error one of the file that the caller means: the temporary name
// says nothing to anybody.
func (f *File) because(err error) error {
	if err == nil {
		return nil
	}
	var at *fs.PathError
	var between *os.LinkError
	switch {
	case errors.As(err, &at):
		err = at.Err
	case errors.As(err, &between):
		err = between.Err
	}
	return &fs.PathError{Op: "write", Path: f.path, Err: err}
}

// removed deletes a file that may be gone.
func removed(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncFolder waits until a folder's names are on the disk. File systems that know no such
// thing have nothing to wait for.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	err = d.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return errors.Join(err, d.Close())
}
