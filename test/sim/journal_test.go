package sim

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// journal is the log as it is applied: to the state, and to a replica that sees its
// bytes alone.
type journal struct {
	state   *state.State
	replica *state.State // nil if there is none
	digest  hash.Hash
}

func newJournal(replica bool) journal {
	j := journal{state: state.New(), digest: sha256.New()}
	if replica {
		j.replica = state.New()
	}
	return j
}

// apply commits an entry, holds the state to its invariants, and tells the leader
// what has changed.
func (w *world) apply(e command.Entry) state.Result {
	e.At = w.clock()
	b, err := command.Encode(e)
	if err != nil {
		w.fail("%T cannot be written: %w", e.Command, err)
		return state.Result{Err: err}
	}
	before := w.state.Index()
	gangs := w.stays(e.Command)
	r := w.state.Apply(before+1, e)
	w.stats.entries++
	w.digest.Write(binary.BigEndian.AppendUint64(nil, uint64(w.now)))
	w.digest.Write(b)
	if r.Err != nil {
		w.stats.refused++
		w.digest.Write([]byte(r.Err.Error()))
	}
	if err := w.state.CheckSince(before); err != nil {
		w.fail("after %+v: %w", e.Command, err)
	}
	w.checkStays(gangs, e.Command)
	w.checkQuotas()
	w.follow(b)
	w.leader.dispatch(before)
	return r
}

// follow applies an entry to the replica, and now and then compares the two.
func (w *world) follow(b []byte) {
	if w.replica == nil {
		return
	}
	e, err := command.Decode(b)
	if err != nil {
		w.fail("an entry cannot be read: %w", err)
		return
	}
	w.replica.Apply(w.replica.Index()+1, e)
	if w.stats.entries%64 == 0 && w.replica.Hash() != w.state.Hash() {
		w.fail("the replica differs at entry %d", w.state.Index())
	}
}

// restore replaces the state by what its snapshot on disk says.
func (w *world) restore() {
	var b bytes.Buffer
	if err := w.state.Encode(&b); err != nil {
		w.fail("snapshot: %w", err)
		return
	}
	restored, err := state.Decode(&b)
	if err != nil {
		w.fail("restore: %w", err)
		return
	}
	if restored.Hash() != w.state.Hash() {
		w.fail("a restored state has another hash")
	}
	w.state = restored
}

// compare holds the replica's snapshot to the state's.
func (j *journal) compare() error {
	if j.replica == nil {
		return nil
	}
	var a, b bytes.Buffer
	if err := j.state.Encode(&a); err != nil {
		return err
	}
	if err := j.replica.Encode(&b); err != nil {
		return err
	}
	if !bytes.Equal(a.Bytes(), b.Bytes()) {
		return fmt.Errorf("the replica's snapshot differs")
	}
	return nil
}
