package server

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/store"
)

// storeReaders is how many questions the store is asked at a time.
const storeReaders = 16

// artifacts is what the store has: results of tasks, and data. Without a store it has nothing.
type artifacts struct {
	store store.Store      // nil for none
	repo  *checkpoint.Repo // nil without a store
	log   *slog.Logger
}

func newArtifacts(s store.Store, log *slog.Logger) *artifacts {
	a := &artifacts{store: s, log: log}
	if s != nil {
		a.repo = checkpoint.New(s)
	}
	return a
}

// final says whether the store has a task's final manifest.
func (a *artifacts) final(ctx context.Context, k api.Key) (bool, error) {
	m, damage, err := a.repo.Final(ctx, k.String(), checkpoint.Present)
	if err != nil {
		return false, storeFailed("look for the result of "+k.Short(), err)
	}
	for _, d := range damage {
		a.log.Warn("damage in the store", "what", d.String())
	}
	return m != nil, nil
}

// finals asks the store which tasks have their final manifests.
func (a *artifacts) finals(ctx context.Context, keys map[api.Key]bool) (map[api.Key]bool, error) {
	done := map[api.Key]bool{}
	if a.repo == nil {
		return done, nil
	}
	var mu sync.Mutex
	var first error
	var readers sync.WaitGroup
	todo := make(chan api.Key)
	for range min(storeReaders, len(keys)) {
		readers.Go(func() {
			for k := range todo {
				final, err := a.final(ctx, k)
				mu.Lock()
				if final {
					done[k] = true
				}
				if first == nil {
					first = err
				}
				mu.Unlock()
			}
		})
	}
	for k := range keys {
		todo <- k
	}
	close(todo)
	readers.Wait()
	return done, first
}

// stored is how many bytes the store has under a fingerprint; ok is false if it has
// none.
func (a *artifacts) stored(ctx context.Context, k api.Key) (bytes int64, ok bool, err error) {
	if a.store == nil {
		return 0, false, nil
	}
	info, err := a.store.Stat(ctx, api.DataName(k))
	switch {
	case errors.Is(err, store.ErrNotExist):
		return 0, false, nil
	case err != nil:
		return 0, false, storeFailed("look for data "+k.Short(), err)
	}
	return info.SizeBytes, true, nil
}

// kept says whether there is a store.
func (a *artifacts) kept() bool { return a.store != nil }
