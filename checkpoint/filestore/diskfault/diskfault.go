// Package diskfault is a filestore.Disk that fails on demand: a full disk, a
// process that stops between any two operations or half-way through a write,
// and a power cut that takes back what was never flushed. It is for tests; it
// works on real files, so that what a crash leaves can be opened again.
//
// A Disk may be used by many goroutines.
package diskfault

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"syscall"

	"g2c/checkpoint/filestore"
)

// ErrStopped is every operation of a process that is no more.
var ErrStopped = errors.New("diskfault: the process has stopped")

// Disk counts operations and fails the ones it is told to.
type Disk struct {
	// Before, if set, is told of every operation just before it is done:
	// its name ("create", "write", "sync", "close", "link", "renamenew", "rename",
	// "remove", "mkdir", "syncdir") and path. It is set before the first use.
	Before func(op, path string)
	// Lacks are operations that the file system does not have, by name, and what it
	// answers. It is set before the first use.
	Lacks map[string]error

	mu       sync.Mutex
	real     filestore.OSDisk
	done     int            // operations so far
	stopAt   int            // the operation that stops the process; 0 never
	room     int64          // bytes left on the disk; negative: no limit
	unsynced map[string]int // path of a file -> bytes known to be flushed
	loose    map[string][]string
}

var _ filestore.Disk = (*Disk)(nil)

// New makes a Disk without faults.
func New() *Disk {
	return &Disk{room: -1, unsynced: map[string]int{}, loose: map[string][]string{}}
}

// StopAt stops the process in its k-th operation from the first of the Disk,
// counted from 1: a write is done by half, anything else not at all, and every
// operation after it is ErrStopped. 0 never stops.
func (d *Disk) StopAt(k int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.stopAt = k
}

// Fill leaves room for so many bytes more; negative is no limit. A write
// beyond is done as far as there is room and then fails with ENOSPC.
func (d *Disk) Fill(bytes int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.room = bytes
}

// Operations is how many operations there have been.
func (d *Disk) Operations() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.done
}

// Stopped reports whether the process has stopped.
func (d *Disk) Stopped() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.stopAt != 0 && d.done >= d.stopAt
}

// PowerCut takes back everything that was not flushed: files are cut to their
// flushed length, and names given since their directory was flushed are gone.
func (d *Disk) PowerCut() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	var errs []error
	for path, flushed := range d.unsynced {
		errs = append(errs, missingIsFine(os.Truncate(path, int64(flushed))))
	}
	for _, names := range d.loose {
		for _, path := range names {
			errs = append(errs, missingIsFine(os.RemoveAll(path)))
		}
	}
	clear(d.unsynced)
	clear(d.loose)
	return errors.Join(errs...)
}

func missingIsFine(err error) error {
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	return err
}

// step counts an operation; last says that it is the one the process stops in.
func (d *Disk) step(op, path string) (last bool, err error) {
	if d.Before != nil {
		d.Before(op, path)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done++
	if d.stopAt != 0 && d.done > d.stopAt {
		return false, ErrStopped
	}
	return d.stopAt == d.done, nil
}

// do is an operation that is done whole or not at all.
func (d *Disk) do(op, path string, change func() error) error {
	last, err := d.step(op, path)
	if err != nil {
		return err
	}
	if last {
		return ErrStopped
	}
	if err := d.Lacks[op]; err != nil {
		return &os.PathError{Op: op, Path: path, Err: err}
	}
	return change()
}

// named notes a name that its directory has not been flushed for.
func (d *Disk) named(path string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	folder := filepath.Dir(path)
	d.loose[folder] = append(d.loose[folder], path)
}

// moved carries the flushed length of a file to its new name.
func (d *Disk) moved(from, to string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if flushed, ok := d.unsynced[from]; ok {
		d.unsynced[to] = flushed
	}
}

// Mkdir implements filestore.Disk.
func (d *Disk) Mkdir(path string) error {
	return d.do("mkdir", path, func() error {
		if err := d.real.Mkdir(path); err != nil {
			return err
		}
		d.named(path)
		return nil
	})
}

// Link implements filestore.Disk.
func (d *Disk) Link(from, to string) error {
	return d.do("link", to, func() error {
		if err := d.real.Link(from, to); err != nil {
			return err
		}
		d.moved(from, to)
		d.named(to)
		return nil
	})
}

// RenameNew implements filestore.Disk.
func (d *Disk) RenameNew(from, to string) error {
	return d.do("renamenew", to, func() error { return d.renamed(d.real.RenameNew, from, to) })
}

// Rename implements filestore.Disk. A power cut takes a replaced file with it,
// which is harsher than the file systems we know.
func (d *Disk) Rename(from, to string) error {
	return d.do("rename", to, func() error { return d.renamed(d.real.Rename, from, to) })
}

func (d *Disk) renamed(rename func(from, to string) error, from, to string) error {
	if err := rename(from, to); err != nil {
		return err
	}
	d.moved(from, to)
	d.named(to)
	return nil
}

// Remove implements filestore.Disk.
func (d *Disk) Remove(path string) error {
	return d.do("remove", path, func() error { return d.real.Remove(path) })
}

// SyncDir implements filestore.Disk.
func (d *Disk) SyncDir(path string) error {
	return d.do("syncdir", path, func() error {
		if err := d.real.SyncDir(path); err != nil {
			return err
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.loose, path)
		return nil
	})
}

// Create implements filestore.Disk.
func (d *Disk) Create(path string) (filestore.File, error) {
	var f filestore.File
	err := d.do("create", path, func() (err error) {
		f, err = d.real.Create(path)
		return err
	})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.unsynced[path] = 0
	return &file{File: f, disk: d, path: path}, nil
}

// file is a file of a Disk; one goroutine writes it.
type file struct {
	filestore.File
	disk    *Disk
	path    string
	written int
}

// Write implements io.Writer.
func (f *file) Write(p []byte) (int, error) {
	last, err := f.disk.step("write", f.path)
	if err != nil {
		return 0, err
	}
	allowed, err := f.disk.take(len(p))
	if last {
		allowed, err = min(allowed, len(p)/2), ErrStopped
	}
	n, writeErr := f.File.Write(p[:allowed])
	f.written += n
	return n, errors.Join(err, writeErr)
}

// take uses up to n bytes of the room left.
func (d *Disk) take(n int) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.room < 0 {
		return n, nil
	}
	got := int(min(int64(n), d.room))
	d.room -= int64(got)
	if got < n {
		return got, syscall.ENOSPC
	}
	return got, nil
}

// Sync implements filestore.File.
func (f *file) Sync() error {
	return f.disk.do("sync", f.path, func() error {
		if err := f.File.Sync(); err != nil {
			return err
		}
		f.disk.mu.Lock()
		defer f.disk.mu.Unlock()
		f.disk.unsynced[f.path] = f.written
		return nil
	})
}

// Close implements filestore.File. The descriptor is closed even in a stopped
// process, as the kernel does.
func (f *file) Close() error {
	err := f.disk.do("close", f.path, func() error { return nil })
	return errors.Join(err, f.File.Close())
}

// Flip turns one bit of a file over.
func Flip(path string, bit int64) error {
	data, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if bit < 0 || bit/8 >= int64(len(data)) {
		return errors.New("diskfault: no such bit")
	}
	data[bit/8] ^= 1 << (bit % 8)
	return os.WriteFile(path, data, 0o644)
}
