package main

import (
	"cmp"
	"context"
	"errors"
	"strings"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
)

// openStore opens a directory store for writing, and says what its file system cannot do.
func openStore(path string) (*filestore.Store, error) {
	if err := noBucket(path); err != nil {
		return nil, err
	}
	s, err := filestore.Open(path)
	if err != nil {
		return nil, err
	}
	for _, n := range s.Abilities().Notes() {
		say("note: store %s: %s", path, n)
	}
	return s, nil
}

// noBucket refuses stores that are not directories.
func noBucket(path string) error {
	if strings.Contains(path, "://") {
		return fault.New(fault.ErrUnavailable, "this build keeps stores in directories only, not in %s", path)
	}
	return nil
}

// locked does something while a lock of the store is held.
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
