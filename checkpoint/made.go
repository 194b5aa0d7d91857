package checkpoint

import (
	"context"
	"sync"

	"g2c/checkpoint/store"
)

// made is what this Repo knows of the objects that it made: which of them nobody else
// can name. An object is a task's own if its first put was that task's and it has not
// been put since, for whoever names an object puts it first. So the old checkpoints of
// a task can go without a look at the manifests of others.
type made struct {
	mu   sync.Mutex
	own  map[string]owned    // by key
	last map[string]Manifest // that was saved here, by task
}

// owned is an object as its task made it.
type owned struct{ task, version string }

func newMade() made { return made{own: map[string]owned{}, last: map[string]Manifest{}} }

// saved notes the newest manifest of a task.
func (k *made) saved(m Manifest) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.last[m.Task] = m
}

// owns reports whether an object is a task's own, and whether its last checkpoint
// named it.
func (k *made) owns(task string, info store.Info) (own, named bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.own[info.Key] != (owned{task, info.Version}) {
		return false, false
	}
	for _, p := range k.last[task].Payloads {
		named = named || p.Key() == info.Key
	}
	return true, named
}

// created notes an object that a task was the first to put.
func (k *made) created(task string, info store.Info) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.own[info.Key] = owned{task, info.Version}
}

// forget drops an object that is not, or no longer, a task's own.
func (k *made) forget(key string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.own, key)
}

// keep stores a payload. What is there is put again, which heals a damaged copy and makes
// an old one young, so that no collection takes it from under us; only what this task
// made itself, and named in its last checkpoint, is left as it is.
func (r *Repo) keep(ctx context.Context, task string, p Payload, body store.Body) error {
	key := p.Key()
	won, info, err := r.first(ctx, p, body)
	if err != nil {
		return err
	}
	if won {
		r.made.created(task, info)
		return nil
	}
	if _, named := r.made.owns(task, info); named && info.SizeBytes == p.Bytes {
		return nil
	}
	r.made.forget(key)
	return r.store.Put(ctx, key, body)
}

// first puts a payload where there is none; info is what it made or found there. A store
// that cannot say what it created is not asked: its objects are nobody's own.
func (r *Repo) first(ctx context.Context, p Payload, body store.Body) (won bool, info store.Info, err error) {
	c, ok := r.store.(store.Creator)
	if !ok {
		return false, store.Info{}, nil
	}
	if info, err = c.Stat(ctx, p.Key()); !isAbsent(err) {
		return false, info, err
	}
	return c.Create(ctx, p.Key(), body)
}
