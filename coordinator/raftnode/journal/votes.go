package journal

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
)

// Votes is a replica's term and vote. It implements raft.StableStore.
type Votes struct {
	fail *failure

	mu     sync.Mutex
	slots  *slots
	values map[string][]byte
}

// errNoValue is in the words that raft looks for.
var errNoValue = errors.New("not found")

// OpenVotes opens the votes in a folder. Votes that should be there and are not
// are the caller's to notice: see Empty.
func OpenVotes(dir string, o Options) (*Votes, error) {
	v := &Votes{fail: &failure{tell: o.Failed}, values: map[string][]byte{}}
	s, value, err := openSlots(o.On(), filepath.Join(dir, "votes"))
	if err != nil {
		return nil, err
	}
	v.slots = s
	if value != nil {
		if err := json.Unmarshal(value, &v.values); err != nil {
			return nil, errors.Join(fmt.Errorf("%w: %s: %w", ErrCorrupt, s.path, err), s.file.Close())
		}
	}
	return v, nil
}

// Empty reports whether nothing was ever kept.
func (v *Votes) Empty() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.values) == 0
}

// Set implements raft.StableStore.
func (v *Votes) Set(key, value []byte) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.fail.check(); err != nil {
		return err
	}
	v.values[string(key)] = value
	b, err := json.Marshal(v.values)
	if err != nil {
		return err
	}
	if err := v.slots.keep(b); err != nil {
		return v.fail.set(fmt.Errorf("write %s: %w", v.slots.path, err))
	}
	return nil
}

// Get implements raft.StableStore.
func (v *Votes) Get(key []byte) ([]byte, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	value, ok := v.values[string(key)]
	if !ok {
		return nil, errNoValue
	}
	return value, nil
}

// SetUint64 implements raft.StableStore.
func (v *Votes) SetUint64(key []byte, n uint64) error {
	return v.Set(key, binary.LittleEndian.AppendUint64(nil, n))
}

// GetUint64 implements raft.StableStore.
func (v *Votes) GetUint64(key []byte) (uint64, error) {
	b, err := v.Get(key)
	if err != nil {
		return 0, err
	}
	if len(b) != 8 {
		return 0, fmt.Errorf("%w: %s: %q is no number", ErrCorrupt, v.slots.path, key)
	}
	return binary.LittleEndian.Uint64(b), nil
}

// Close closes the file.
func (v *Votes) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.fail.close()
	return v.slots.file.Close()
}
