package main

import (
	"cmp"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/s3store"
	"g2c/checkpoint/store"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
)

// storeHelp is what --store takes.
const storeHelp = "directory or s3://BUCKET/PREFIX"

// openStore opens a store for writing, and says what its file system cannot do.
func openStore(ctx context.Context, path string) (store.Store, error) {
	s, notes, err := openNoted(ctx, path)
	for _, n := range notes {
		say("note: store %s: %s", path, n)
	}
	return s, err
}

// openNoted opens a store for writing. Notes are of what its file system cannot do.
func openNoted(ctx context.Context, path string) (s store.Store, notes []string, err error) {
	if c, is, err := bucketOf(path); is {
		if err != nil {
			return nil, nil, err
		}
		s, err = s3store.Open(ctx, c)
		return s, nil, err
	}
	if err := knownScheme(path); err != nil {
		return nil, nil, err
	}
	files, err := filestore.Open(path)
	if err != nil {
		return nil, nil, err
	}
	return files, files.Abilities().Notes(), nil
}

// openRead opens a store that exists, for reading.
func openRead(ctx context.Context, path string) (store.Store, error) {
	if c, is, err := bucketOf(path); is {
		if err != nil {
			return nil, err
		}
		return s3store.OpenRead(ctx, c)
	}
	if err := knownScheme(path); err != nil {
		return nil, err
	}
	return filestore.OpenRead(path)
}

// bucketOf reads the name of a bucket, if a path is one.
func bucketOf(path string) (c s3store.Config, is bool, err error) {
	if !s3store.Is(path) {
		return c, false, nil
	}
	c, err = s3store.Parse(path, os.Getenv)
	return c, true, err
}

// knownScheme refuses stores that are neither a directory nor a bucket.
func knownScheme(path string) error {
	if strings.Contains(path, "://") {
		return fault.New(fault.ErrUnavailable, "a store is a directory or s3://BUCKET/PREFIX, not %s", path)
	}
	return nil
}

// inStore is the name of something in a store, for people.
func inStore(path, name string) string {
	if c, is, err := bucketOf(path); is && err == nil {
		return c.Name() + "/" + name
	}
	return filepath.Join(path, filepath.FromSlash(name))
}

// locked does something while a lock of the store is held, where it has locks.
func locked(ctx context.Context, s store.Store, name string, do func() error) error {
	release, err := checkpoint.New(s).Lock(ctx, name)
	if err != nil {
		return err
	}
	err = do()
	return cmp.Or(err, release())
}

// refuseRunning refuses a plan of which another process is running a task in a store.
func refuseRunning(repo *checkpoint.Repo, p *sweep.Plan, dir, hint string) error {
	for _, item := range p.Items {
		who, running, err := repo.Running(item.Key.String())
		if err != nil {
			return err
		}
		if running {
			return fault.New(fault.ErrUnavailable, "%s is being run by %s in store %s: %w", item.Name(), who, dir, store.ErrLocked).
				WithHint("%s", hint)
		}
	}
	return nil
}

// takeTask takes the lock of a task, or waits for whoever has it and says so.
func takeTask(ctx context.Context, repo *checkpoint.Repo, key, name string, view *display) (release func() error, err error) {
	release, err = repo.LockTask(ctx, key, false)
	if !errors.Is(err, store.ErrLocked) {
		return release, err
	}
	who, _, err := repo.Running(key)
	if err != nil {
		return nil, err
	}
	view.say("note: " + name + " is being run by " + cmp.Or(who, "another process") + ": waiting for it")
	return repo.LockTask(ctx, key, true)
}
