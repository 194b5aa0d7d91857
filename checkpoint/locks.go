package checkpoint

import (
	"context"
	"errors"

	"g2c/checkpoint/store"
)

// The locks of a store (FORMAT.md). In a store without locks, a bucket, several may train
// one task: they make equal bytes. Who deletes there leaves a notice (deleting.go).
const (
	// savingLock is shared by those who save, and held alone by those who delete.
	savingLock = "saving"
	// RecordsLock is held while the record of an experiment is named, and its report written.
	RecordsLock = "records"
	taskLock    = "task-"
)

func unlocked() error { return nil }

// Use keeps a program of an older release, which wants the store to itself, from
// running in it; one that does is waited for, or is store.ErrLocked.
func (r *Repo) Use(ctx context.Context, wait bool) (release func() error, err error) {
	return r.lock(ctx, store.WholeStore, true, wait)
}

// Lock takes a lock of the store for this process alone, and waits for it.
func (r *Repo) Lock(ctx context.Context, name string) (release func() error, err error) {
	return r.lock(ctx, name, false, true)
}

// LockTask takes a task for this process: who trains it holds its lock. One that
// another process has is waited for, or is store.ErrLocked.
func (r *Repo) LockTask(ctx context.Context, task string, wait bool) (release func() error, err error) {
	return r.lock(ctx, taskLock+task, false, wait)
}

// Running names the process that has a task, if one has.
func (r *Repo) Running(task string) (holder string, running bool, err error) {
	if l, ok := r.store.(store.Locker); ok {
		return l.Holder(taskLock + task)
	}
	return "", false, nil
}

func (r *Repo) lock(ctx context.Context, name string, shared, wait bool) (release func() error, err error) {
	if l, ok := r.store.(store.Locker); ok {
		return l.Lock(ctx, name, shared, wait)
	}
	return unlocked, nil
}

// whileSaving does something during which nobody deletes.
func (r *Repo) whileSaving(ctx context.Context, do func() error) (err error) {
	r.saving.RLock()
	defer r.saving.RUnlock()
	return r.holding(ctx, true, do)
}

// whileDeleting does something during which nobody saves.
func (r *Repo) whileDeleting(ctx context.Context, do func() error) (err error) {
	r.saving.Lock()
	defer r.saving.Unlock()
	return r.holding(ctx, false, do)
}

func (r *Repo) holding(ctx context.Context, shared bool, do func() error) (err error) {
	release, err := r.lock(ctx, savingLock, shared, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return do()
}
