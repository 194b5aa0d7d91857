package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"sync"

	"g2c/checkpoint/store"
	"g2c/internal/clock"
	"g2c/internal/fault"
)

// Repo is the checkpoints of a store.
type Repo struct {
	store store.Store
	// saving keeps a collection (writer) from deleting an object between its
	// put and the commit of the manifest that names it (readers), within one
	// process; between processes the lock of the same name does.
	saving sync.RWMutex
	made   made
	names  names
	clock  clock.Clock
}

// New makes a Repo over a store.
func New(s store.Store) *Repo { return NewAt(s, clock.Real{}) }

// NewAt is New with a clock, by which it waits for others.
func NewAt(s store.Store, c clock.Clock) *Repo { return &Repo{store: s, made: newMade(), clock: c} }

// Store is the store beneath.
func (r *Repo) Store() store.Store { return r.store }

// Snapshot is a checkpoint to be saved: a manifest's fields, and the payloads'
// bytes, which must not change until the save has returned.
type Snapshot struct {
	Kind        Kind
	Task        string // key, lower-case hex SHA-256
	Class       string // numerics class
	Step        int64
	Epoch       int
	Final       bool
	Description json.RawMessage       // the canonical task, valid JSON
	Payloads    map[string]store.Body // by name; *safetensors.Encoding and *bytes.Reader are bodies
}

// Save stores the payloads, then the manifest, and returns it. Saving a step
// again is success if the bytes are equal and heals what was damaged; other
// bytes are an error of class fault.ErrTraining that names both hashes, and
// what was there stays. A store that fails leaves earlier checkpoints whole.
func (r *Repo) Save(ctx context.Context, s Snapshot) (Manifest, error) {
	m := Manifest{
		Format: FormatVersion, Kind: s.Kind, Task: s.Task, Class: s.Class, Step: s.Step, Epoch: s.Epoch,
		Final: s.Final, Description: s.Description, Payloads: map[string]Payload{},
	}
	for name, body := range s.Payloads {
		sum, err := hashBody(ctx, body)
		if err != nil {
			return Manifest{}, fmt.Errorf("save checkpoint, payload %s: %w", name, err)
		}
		m.Payloads[name] = Payload{SHA256: sum, Bytes: body.Size()}
	}
	data, err := m.Encode()
	if err != nil {
		return Manifest{}, fmt.Errorf("save checkpoint: %w", err)
	}
	keys := []string{m.Key()}
	for _, p := range m.Payloads {
		keys = append(keys, p.Key())
	}
	err = r.whileSaving(ctx, func() error {
		return r.noticed(ctx, keys, func(ctx context.Context) error {
			for _, name := range m.PayloadNames() {
				if err := r.keep(ctx, m.Task, m.Payloads[name], s.Payloads[name]); err != nil {
					return fmt.Errorf("payload %s: %w", name, err)
				}
			}
			return r.commit(ctx, m.Key(), data)
		})
	})
	if err != nil {
		return Manifest{}, fmt.Errorf("save checkpoint of step %d: %w", m.Step, err)
	}
	if m, err = Decode(data); err == nil {
		r.made.saved(m)
	}
	return m, err
}

// commit puts a manifest where there is none, or an equal or a damaged one.
func (r *Repo) commit(ctx context.Context, key string, data []byte) error {
	won, err := r.store.PutIfAbsent(ctx, key, bytes.NewReader(data))
	if err != nil || won {
		return err
	}
	there, err := r.readAll(ctx, key, MaxManifestBytes)
	if err != nil {
		return err
	}
	if whole, same := agree(key, there, data); same {
		return nil
	} else if whole {
		return alarm(key, there, data)
	}
	if err := r.store.Put(ctx, key, bytes.NewReader(data)); err != nil {
		return err
	}
	// Another writer may have healed it at the same time, with other bytes.
	if there, err = r.readAll(ctx, key, MaxManifestBytes); err != nil {
		return err
	}
	if _, same := agree(key, there, data); !same {
		return alarm(key, there, data)
	}
	return nil
}

// agree reports whether the manifest that is there is whole, and says the same as ours.
func agree(key string, there, ours []byte) (whole, same bool) {
	if bytes.Equal(there, ours) {
		return true, true
	}
	a, errA := Decode(there)
	b, errB := Decode(ours)
	whole = errA == nil && a.Key() == key
	return whole, whole && errB == nil && alike(a, b)
}

// alike reports whether two manifests differ at most in payloads that one of them has beside
// the other's: releases may keep more than those before them, and both may be at work in one
// cluster. What has a meaning to both must be in both.
func alike(a, b Manifest) bool {
	for _, name := range []string{Weights, Resume, Results} {
		if a.Payloads[name] != b.Payloads[name] {
			return false
		}
	}
	for name, p := range a.Payloads {
		if q, both := b.Payloads[name]; both && p != q {
			return false
		}
	}
	a.Payloads, a.Check, b.Payloads, b.Check = nil, "", nil, ""
	return reflect.DeepEqual(a, b)
}

// alarm is two runs of one step that differ: the promise of equal bits broken.
func alarm(key string, there, ours []byte) error {
	return fault.New(fault.ErrTraining, "determinism alarm: manifest %s is there with SHA-256 %s, this run made %s (%s)",
		key, hash(there), hash(ours), difference(there, ours)).
		WithHint("two runs of one task must end in the same bits: check the memory of both hosts, and report this with both manifests")
}

// difference names the first payload or field in which two manifests differ.
func difference(there, ours []byte) string {
	a, errA := Decode(there)
	b, errB := Decode(ours)
	if errA != nil || errB != nil {
		return "one of them is damaged"
	}
	for _, name := range a.PayloadNames() {
		if pa, pb := a.Payloads[name], b.Payloads[name]; pa != pb {
			return fmt.Sprintf("payload %s: %s there, %s ours", name, pa.SHA256, orNone(pb.SHA256))
		}
	}
	if len(a.Payloads) != len(b.Payloads) {
		return "other payloads"
	}
	return "equal payloads, other fields"
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// Manifest reads the manifest of a task at a step. One that is missing is
// fault.ErrNotFound, a damaged one fault.ErrData.
func (r *Repo) Manifest(ctx context.Context, task string, step int64) (Manifest, error) {
	key := manifestKey(task, step)
	m, damage, err := r.readManifest(ctx, key)
	if err != nil {
		return Manifest{}, err
	}
	if damage != nil {
		class := fault.ErrData
		if damage.Missing {
			class = fault.ErrNotFound
		}
		return Manifest{}, fault.New(class, "%s", damage)
	}
	return m, nil
}

// readManifest reads and checks one manifest; what is wrong with the bytes is
// damage, what is wrong with the store an error.
func (r *Repo) readManifest(ctx context.Context, key string) (Manifest, *Damage, error) {
	data, err := r.readAll(ctx, key, MaxManifestBytes)
	if isAbsent(err) {
		return Manifest{}, &Damage{Key: key, Manifest: key, Missing: true, Reason: "missing"}, nil
	}
	if err != nil {
		return Manifest{}, nil, err
	}
	m, err := Decode(data)
	if err != nil {
		return Manifest{}, &Damage{Key: key, Manifest: key, Reason: err.Error()}, nil
	}
	if m.Key() != key {
		return Manifest{}, &Damage{Key: key, Manifest: key, Reason: "it belongs at " + m.Key()}, nil
	}
	return m, nil, nil
}

// Payload reads a payload of a manifest whole and verified. A missing or
// damaged one is fault.ErrData.
func (r *Repo) Payload(ctx context.Context, m Manifest, name string) ([]byte, error) {
	if _, ok := m.Payloads[name]; !ok {
		return nil, fault.New(fault.ErrNotFound, "checkpoint %s has no payload %s, only %v", m.Key(), name, m.PayloadNames())
	}
	var data bytes.Buffer
	damage, err := r.verify(ctx, m, name, &data)
	if err != nil {
		return nil, err
	}
	if damage != nil {
		return nil, fault.New(fault.ErrData, "%s", damage).WithHint("run `g2c ckpt verify` to see what else is damaged")
	}
	return data.Bytes(), nil
}

// verify reads a payload through its hash, into w too, and compares.
func (r *Repo) verify(ctx context.Context, m Manifest, name string, w io.Writer) (*Damage, error) {
	p := m.Payloads[name]
	damaged := func(format string, a ...any) *Damage {
		return &Damage{Key: p.Key(), Manifest: m.Key(), Payload: name, Reason: fmt.Sprintf(format, a...)}
	}
	info, err := r.store.Stat(ctx, p.Key())
	if damage, err := sizeDamage(m, name, info, err); err != nil || damage != nil {
		return damage, err
	}
	if buffer, ok := w.(*bytes.Buffer); ok {
		buffer.Grow(int(p.Bytes)) // the object really is that long
	}
	body, err := r.store.Get(ctx, p.Key())
	if err != nil {
		return sizeDamage(m, name, store.Info{}, err)
	}
	h := sha256.New()
	n, err := io.Copy(io.MultiWriter(h, w), contextReader{ctx, io.LimitReader(body, p.Bytes+1)})
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, readFailed(p.Key(), err)
	}
	if n != p.Bytes {
		return damaged("%d bytes read, want %d", n, p.Bytes), nil
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != p.SHA256 {
		return damaged("its SHA-256 is %s", got), nil
	}
	return nil, nil
}

func readFailed(key string, err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("read %s: %w", key, err)
	}
	return fault.New(fault.ErrUnavailable, "read %s: %w", key, err).WithHint("check the disk or the network")
}

// readAll reads a small object; one longer than limit bytes is cut just after.
func (r *Repo) readAll(ctx context.Context, key string, limit int64) ([]byte, error) {
	body, err := r.store.Get(ctx, key)
	if err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(body, limit+1))
	if err := errors.Join(err, body.Close()); err != nil {
		return nil, readFailed(key, err)
	}
	return data, nil
}

// hashBytes is the piece in which bodies are hashed.
const hashBytes = 1 << 20

func hashBody(ctx context.Context, body store.Body) (string, error) {
	h := sha256.New()
	section := io.NewSectionReader(body, 0, body.Size())
	n, err := io.CopyBuffer(h, contextReader{ctx, section}, make([]byte, min(hashBytes, body.Size()+1)))
	if err != nil {
		return "", err
	}
	if n != body.Size() {
		return "", fmt.Errorf("%d bytes of %d: %w", n, body.Size(), io.ErrUnexpectedEOF)
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

// contextReader stops reading when its context ends.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

// Read implements io.Reader.
func (c contextReader) Read(p []byte) (int, error) {
	if err := c.ctx.Err(); err != nil {
		return 0, err
	}
	return c.r.Read(p)
}

// manifests lists the keys of a task's manifests, or of all for "", in order.
func (r *Repo) manifests(ctx context.Context, task string) ([]store.Info, error) {
	prefix := manifestPrefix
	if task != "" {
		prefix += task + "/"
	}
	infos, err := r.store.List(ctx, prefix)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(infos, func(i store.Info) bool {
		_, _, ok := parseManifestKey(i.Key)
		return !ok
	}), nil
}

func isAbsent(err error) bool { return errors.Is(err, store.ErrNotExist) }
