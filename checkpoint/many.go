package checkpoint

import (
	"context"
	"sync"

	"g2c/checkpoint/store"
)

// readers is how many manifests are read at a time: a bucket answers many questions in the
// time of one.
const readers = 16

// readResult is a manifest, or what is wrong with it.
type readResult struct {
	manifest Manifest
	damage   *Damage
}

// readMany reads manifests, several at a time, in the order given.
func (r *Repo) readMany(ctx context.Context, infos []store.Info) ([]readResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	results := make([]readResult, len(infos))
	var (
		once   sync.Once
		failed error
		work   sync.WaitGroup
		next   = make(chan int)
	)
	for range min(readers, len(infos)) {
		work.Go(func() {
			for i := range next {
				m, damage, err := r.readManifest(ctx, infos[i].Key)
				if err != nil {
					once.Do(func() { failed = err; cancel() })
				}
				results[i] = readResult{m, damage}
			}
		})
	}
	for i := range infos {
		next <- i
	}
	close(next)
	work.Wait()
	return results, failed
}
