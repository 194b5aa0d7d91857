package checkpoint

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

// A store without locks, a bucket, keeps those who delete from those who save by notices:
// each first says what it is about to do, and then looks at what the others say.
//
//	who saves                                       who deletes
//	S1  puts a notice with its keys                 D1  puts a notice with its keys
//	S2  waits for the deletions with one of them    D2  reads the notices of savers, then the manifests
//	S3  puts payloads, then the manifest            D3  deletes what none of them names
//	S4  deletes the notice                          D4  deletes the notice
//
// If S1 comes before D2, the deleter reads the notice, or S4 was before that and it reads
// the manifest, and leaves what they name. If not, D1 came before S1, so that the saver
// waits at S2 until D4, and puts what was deleted. Either way whatever a manifest names is
// there from the moment that the manifest is. This takes a store in which whoever lists
// sees every put and delete that was answered before. Who deletes never waits, so nobody
// waits for ever.
//
// Either may be killed, or stopped for long. A deleter deletes only for deletionWindow
// after D1, by its own clock; a request that leaves then is refused once its signature is
// 15 minutes old. So a notice that was watched for deadAfter is dead. A saver ends within
// savingWindow, and its notice counts for twice as long, by the clocks of deleter and
// store, which S3 holds within 15 minutes of each other.
const (
	deletingPrefix = "deleting/"
	savingPrefix   = "saving/"
	deletionWindow = 4 * time.Minute
	deadAfter      = 20 * time.Minute
	savingWindow   = 12 * time.Hour
	noticePause    = time.Second
	maxNoticeBytes = 1 << 20
	// forgottenNotice is the age at which notices count no more, and collections clear them away.
	forgottenNotice = 2 * savingWindow
)

// maxNoticeKeys bounds a notice, so that the window is enough for what it names.
var maxNoticeKeys = 1000

// notice is what somebody is about to save, or to delete.
type notice struct {
	Keys []string `json:"keys"`
}

// parseNotice reads the bytes of a notice.
func parseNotice(data []byte) (notice, error) {
	var n notice
	if err := json.Unmarshal(data, &n); err != nil {
		return n, fault.New(fault.ErrData, "no notice: %w", err)
	}
	for _, key := range n.Keys {
		if err := store.CheckKey(key); err != nil {
			return n, fault.New(fault.ErrData, "notice: %w", err)
		}
	}
	return n, nil
}

// hasLocks tells whether the store keeps its users apart by itself.
func (r *Repo) hasLocks() bool {
	_, ok := r.store.(store.Locker)
	return ok
}

// announce puts a notice (S1 and D1); withdraw deletes it, also where ctx has ended.
func (r *Repo) announce(ctx context.Context, prefix string, keys []string) (withdraw func() error, err error) {
	data, err := json.Marshal(notice{keys})
	if err != nil {
		return nil, fmt.Errorf("encode a notice: %w", err)
	}
	key := prefix + strings.ToLower(rand.Text()) + jsonSuffix
	if err := r.store.Put(ctx, key, bytes.NewReader(append(data, '\n'))); err != nil {
		return nil, err
	}
	return func() error { return r.store.Delete(context.WithoutCancel(ctx), key) }, nil
}

// executeNoticed carries out a plan in a store without locks.
func (r *Repo) executeNoticed(ctx context.Context, plan Plan) error {
	var doomed []Action
	for _, a := range plan.Actions {
		if a.Delete {
			doomed = append(doomed, a)
		}
	}
	for some := range slices.Chunk(doomed, maxNoticeKeys) {
		if err := r.deleteNoticed(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// deleteNoticed deletes what one notice names. Manifests of the plan that went before count
// no more as going: one that is there again was saved again.
func (r *Repo) deleteNoticed(ctx context.Context, some []Action) (err error) {
	ends := r.clock.Now().Add(deletionWindow)
	keys, goes := make([]string, len(some)), map[string]bool{}
	for i, a := range some {
		keys[i], goes[a.Key] = a.Key, true
	}
	withdraw, err := r.announce(ctx, deletingPrefix, keys)
	if err != nil {
		return err
	}
	needed, err := r.needed(ctx, goes)
	if err != nil {
		return errors.Join(err, withdraw())
	}
	if err := r.deleteWithin(ctx, some, needed, ends); err != nil {
		return err // the notice stays: what was sent last may still arrive
	}
	return withdraw()
}

// deleteWithin deletes what is not needed until a time (D3).
func (r *Repo) deleteWithin(ctx context.Context, some []Action, needed func(key string) bool, ends time.Time) error {
	for _, a := range some {
		if needed(a.Key) {
			continue
		}
		left := ends.Sub(r.clock.Now())
		if left <= 0 {
			return fault.New(fault.ErrUnavailable, "deleting took longer than the %s that others wait for", deletionWindow).WithHint("start it again: it goes on")
		}
		within, cancel := context.WithTimeout(ctx, left)
		err := r.delete(within, a)
		cancel()
		if err != nil {
			return fmt.Errorf("delete %s: %w", a.Key, err)
		}
	}
	return nil
}

// needed tells of a key whether a saver is about to store it, or a manifest names it that
// does not go, or may do so (D2). Savers are asked first: whose notice is gone by then has
// stored its manifest.
func (r *Repo) needed(ctx context.Context, goes map[string]bool) (func(key string) bool, error) {
	saving, known, err := r.aboutToSave(ctx)
	if err != nil {
		return nil, err
	}
	named, whole, err := r.named(ctx, goes)
	if err != nil {
		return nil, err
	}
	return func(key string) bool {
		return !known || saving[key] || named[key] || !whole && strings.HasPrefix(key, objectPrefix)
	}, nil
}

// aboutToSave are the keys in the notices of savers; known is false where one cannot be read.
func (r *Repo) aboutToSave(ctx context.Context) (keys map[string]bool, known bool, err error) {
	infos, err := r.store.List(ctx, savingPrefix)
	if err != nil {
		return nil, false, err
	}
	keys, known = map[string]bool{}, true
	for _, info := range infos {
		if r.clock.Now().Sub(info.Modified) >= forgottenNotice {
			continue
		}
		data, err := r.readAll(ctx, info.Key, maxNoticeBytes)
		if isAbsent(err) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		n, err := parseNotice(data)
		known = known && err == nil
		for _, key := range n.Keys {
			keys[key] = true
		}
	}
	return keys, known, nil
}

// named are the objects that the manifests of the store name, but for those that go; whole
// is false where one of them cannot be read.
func (r *Repo) named(ctx context.Context, goes map[string]bool) (named map[string]bool, whole bool, err error) {
	infos, err := r.manifests(ctx, "")
	if err != nil {
		return nil, false, err
	}
	infos = slices.DeleteFunc(infos, func(i store.Info) bool { return goes[i.Key] })
	unknown := r.names.unknown(infos)
	read, err := r.readMany(ctx, unknown)
	if err != nil {
		return nil, false, err
	}
	whole = true
	for i, m := range read {
		switch {
		case m.damage == nil:
			r.names.add(unknown[i], m.manifest)
		case !m.damage.Missing:
			whole = false
		}
	}
	return r.names.of(infos), whole, nil
}

// names remembers which objects the manifests that were read name: they do not change.
type names struct {
	mu    sync.Mutex
	known map[string]nameList // by key of the manifest
}

type nameList struct {
	version string
	objects []string
}

// unknown are those manifests that were not read yet. Those that are no longer there are
// forgotten.
func (n *names) unknown(infos []store.Info) []store.Info {
	n.mu.Lock()
	defer n.mu.Unlock()
	there := make(map[string]nameList, len(infos))
	var unknown []store.Info
	for _, i := range infos {
		if k, ok := n.known[i.Key]; ok && k.version == i.Version {
			there[i.Key] = k
		} else {
			unknown = append(unknown, i)
		}
	}
	n.known = there
	return unknown
}

func (n *names) add(info store.Info, m Manifest) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k := nameList{version: info.Version}
	for _, p := range m.Payloads {
		k.objects = append(k.objects, p.Key())
	}
	n.known[info.Key] = k
}

// of are the objects that some manifests name.
func (n *names) of(infos []store.Info) map[string]bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := map[string]bool{}
	for _, i := range infos {
		for _, o := range n.known[i.Key].objects {
			all[o] = true
		}
	}
	return all
}

// noticed saves keys in a store without locks (S1 to S4).
func (r *Repo) noticed(ctx context.Context, keys []string, save func(context.Context) error) error {
	if r.hasLocks() {
		return save(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, savingWindow)
	defer cancel()
	withdraw, err := r.announce(ctx, savingPrefix, keys)
	if err != nil {
		return err
	}
	if err = r.awaitDeletions(ctx, keys); err == nil {
		err = save(ctx)
	}
	_ = withdraw() // what was saved is saved; one that stays keeps its objects for a day
	return err
}

// awaitDeletions waits until no deletion names a key of ours, or those that do are dead.
func (r *Repo) awaitDeletions(ctx context.Context, ours []string) error {
	began := r.clock.Now()
	harmless := map[string]bool{} // notices that were read and name nothing of ours
	for {
		waitFor, err := r.deletionsOf(ctx, ours, harmless)
		if err != nil || len(waitFor) == 0 {
			return err
		}
		if r.clock.Now().Sub(began) >= deadAfter {
			for _, key := range waitFor {
				if err := r.store.Delete(ctx, key); err != nil {
					return err
				}
			}
			return nil
		}
		select {
		case <-r.clock.After(noticePause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// deletionsOf are the notices of deletions that name a key of ours.
func (r *Repo) deletionsOf(ctx context.Context, ours []string, harmless map[string]bool) ([]string, error) {
	infos, err := r.store.List(ctx, deletingPrefix)
	if err != nil {
		return nil, err
	}
	var hurt []string
	for _, info := range infos {
		if harmless[info.Key] {
			continue
		}
		data, err := r.readAll(ctx, info.Key, maxNoticeBytes)
		if isAbsent(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		// One that cannot be read may name anything: it is waited for.
		n, err := parseNotice(data)
		if err == nil && !slices.ContainsFunc(n.Keys, func(key string) bool { return slices.Contains(ours, key) }) {
			harmless[info.Key] = true
			continue
		}
		hurt = append(hurt, info.Key)
	}
	return hurt, nil
}

// clearNotices removes the notices of those who were killed long ago.
func (r *Repo) clearNotices(ctx context.Context, now time.Time) error {
	for _, prefix := range []string{deletingPrefix, savingPrefix} {
		infos, err := r.store.List(ctx, prefix)
		if err != nil {
			return err
		}
		for _, info := range infos {
			if now.Sub(info.Modified) < forgottenNotice {
				continue
			}
			if err := r.store.Delete(ctx, info.Key); err != nil {
				return err
			}
		}
	}
	return nil
}
