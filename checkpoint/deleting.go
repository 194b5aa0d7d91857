package checkpoint

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

// A store without locks, a bucket, keeps those who delete from those who save by notices.
//
//	who deletes                                     who saves
//	D1  puts a notice with the keys                 S1  puts payloads, then the manifest
//	D2  reads the manifests that are there          S2  reads the notices that are there, and
//	D3  deletes what none of them names                 waits for those with a key of its own
//	D4  deletes the notice                          S3  looks for what it saved, puts what is
//	                                                    gone, and begins again at S2 if any was
//
// If S1 comes before D2, the deleter sees the manifest and leaves what it names. If not, D1
// comes before S2: the saver either sees the notice, and looks when all is over, or D4 came
// before S2, and then it looks after the deletion. Either way what is saved is there at the
// end. This takes a store in which whoever lists, or looks, sees every put and delete that
// was answered before. Nobody who deletes waits, so nobody waits for ever.
//
// A deleter may be killed, or stopped for long, between D1 and D4. It deletes only for
// deletionWindow after D1, by its own clock; a request that leaves then is refused once its
// signature is 15 minutes old. So a notice that was watched for deadAfter is dead.
const (
	noticePrefix   = "deleting/"
	deletionWindow = 4 * time.Minute
	deadAfter      = 20 * time.Minute
	noticePause    = time.Second
	// maxNoticeKeys bounds a notice, so that the window is enough for what it names.
	maxNoticeKeys  = 1000
	maxNoticeBytes = 1 << 20
	// forgottenNotice is the age at which a collection clears notices away.
	forgottenNotice = 24 * time.Hour
)

// notice is what somebody is about to delete.
type notice struct {
	Delete []string `json:"delete"` // keys
}

// parseNotice reads the bytes of a notice.
func parseNotice(data []byte) (notice, error) {
	var n notice
	if err := json.Unmarshal(data, &n); err != nil {
		return n, fault.New(fault.ErrData, "no notice of a deletion: %w", err)
	}
	for _, key := range n.Delete {
		if err := store.CheckKey(key); err != nil {
			return n, fault.New(fault.ErrData, "notice of a deletion: %w", err)
		}
	}
	return n, nil
}

// hasLocks tells whether the store keeps its users apart by itself.
func (r *Repo) hasLocks() bool {
	_, ok := r.store.(store.Locker)
	return ok
}

// announce puts a notice (D1).
func (r *Repo) announce(ctx context.Context, actions []Action) (withdraw func(context.Context) error, err error) {
	n := notice{Delete: make([]string, len(actions))}
	for i, a := range actions {
		n.Delete[i] = a.Key
	}
	data, err := json.Marshal(n)
	if err != nil {
		return nil, fmt.Errorf("encode a notice: %w", err)
	}
	key := noticePrefix + strings.ToLower(rand.Text()) + jsonSuffix
	if err := r.store.Put(ctx, key, bytes.NewReader(append(data, '\n'))); err != nil {
		return nil, err
	}
	return func(ctx context.Context) error { return r.store.Delete(ctx, key) }, nil
}

// executeNoticed carries out a plan in a store without locks.
func (r *Repo) executeNoticed(ctx context.Context, plan Plan) error {
	var doomed []Action
	goes := map[string]bool{}
	for _, a := range plan.Actions {
		if a.Delete {
			doomed = append(doomed, a)
			goes[a.Key] = true
		}
	}
	for some := range slices.Chunk(doomed, maxNoticeKeys) {
		if err := r.deleteNoticed(ctx, some, goes); err != nil {
			return err
		}
	}
	return nil
}

// deleteNoticed deletes what one notice names; goes is all that the plan deletes.
func (r *Repo) deleteNoticed(ctx context.Context, some []Action, goes map[string]bool) (err error) {
	ends := r.clock.Now().Add(deletionWindow)
	withdraw, err := r.announce(ctx, some)
	if err != nil {
		return err
	}
	// A notice that stays is waited for by those whose keys it names: it goes in any case.
	defer func() { err = errors.Join(err, withdraw(context.WithoutCancel(ctx))) }()
	named, whole, err := r.named(ctx, goes)
	if err != nil {
		return err
	}
	for _, a := range some {
		if strings.HasPrefix(a.Key, objectPrefix) && (named[a.Key] || !whole) {
			continue // a manifest that was saved meanwhile names it, or may
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

// named are the objects that the manifests of the store name, but for those that go (D2);
// whole is false where one of them cannot be read.
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

// settle makes sure, after a manifest was committed in a store without locks, that nobody
// has deleted or is about to delete what it names, or the manifest itself (S2 and S3).
func (r *Repo) settle(ctx context.Context, m Manifest, data []byte, payloads map[string]store.Body) error {
	if r.hasLocks() {
		return nil
	}
	bodies := map[string]store.Body{m.Key(): bytes.NewReader(data)}
	for name, p := range m.Payloads {
		bodies[p.Key()] = payloads[name]
	}
	for {
		if err := r.awaitDeletions(ctx, bodies); err != nil {
			return err
		}
		// Payloads before the manifest that names them: their keys sort behind it.
		healed := false
		for _, key := range slices.Backward(slices.Sorted(maps.Keys(bodies))) {
			_, err := r.store.Stat(ctx, key)
			if isAbsent(err) {
				healed, err = true, r.store.Put(ctx, key, bodies[key])
			}
			if err != nil {
				return err
			}
		}
		if !healed {
			return nil
		}
	}
}

// awaitDeletions waits until no notice names a key of ours, or those that do are dead.
func (r *Repo) awaitDeletions(ctx context.Context, ours map[string]store.Body) error {
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

// deletionsOf are the notices that name a key of ours.
func (r *Repo) deletionsOf(ctx context.Context, ours map[string]store.Body, harmless map[string]bool) ([]string, error) {
	infos, err := r.store.List(ctx, noticePrefix)
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
		if err == nil && !slices.ContainsFunc(n.Delete, func(key string) bool { return ours[key] != nil }) {
			harmless[info.Key] = true
			continue
		}
		hurt = append(hurt, info.Key)
	}
	return hurt, nil
}

// clearNotices removes the notices of those who were killed long ago.
func (r *Repo) clearNotices(ctx context.Context, now time.Time) error {
	infos, err := r.store.List(ctx, noticePrefix)
	for i := 0; i < len(infos) && err == nil; i++ {
		if now.Sub(infos[i].Modified) >= forgottenNotice {
			err = r.store.Delete(ctx, infos[i].Key)
		}
	}
	return err
}
