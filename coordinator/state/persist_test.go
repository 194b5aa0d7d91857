package state_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scenario"
	"g2c/coordinator/state"
	"g2c/internal/golden"
)

// encoded is a snapshot with a record of every kind.
func encoded(t testing.TB) []byte {
	t.Helper()
	h := newHistory(3)
	for range 120 {
		h.step()
	}
	var b bytes.Buffer
	if err := h.w.State.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestASnapshotThatIsDamagedIsRefused(t *testing.T) {
	good := encoded(t)
	if _, err := state.Decode(bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(good); i += 1 + len(good)/2000 {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := state.Decode(bytes.NewReader(bad)); !errors.Is(err, state.ErrCorrupt) && !errors.Is(err, state.ErrNewer) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		if _, err := state.Decode(bytes.NewReader(good[:i])); !errors.Is(err, state.ErrCorrupt) {
			t.Fatalf("its first %d bytes: %v", i, err)
		}
	}
	if _, err := state.Decode(bytes.NewReader(append(bytes.Clone(good), 0))); !errors.Is(err, state.ErrCorrupt) {
		t.Errorf("a byte too many: %v", err)
	}
	newer := bytes.Replace(good, []byte("g2c/state/1"), []byte("g2c/state/2"), 1)
	if _, err := state.Decode(bytes.NewReader(newer)); !errors.Is(err, state.ErrNewer) {
		t.Errorf("another version: %v", err)
	}
}

// The digest would stop nearly every mutation, so the fuzzer also reads without it:
// what is behind it must hold by itself.
func FuzzDecode(f *testing.F) {
	f.Add(small(f))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := state.Decode(bytes.NewReader(body)); err != nil && !errors.Is(err, state.ErrCorrupt) && !errors.Is(err, state.ErrNewer) {
			t.Fatalf("an error of another class: %v", err)
		}
		_ = state.DecodeUnsealed(body) // whatever it says, it may not panic
	})
}

// What releases wrote must stay readable, and make the same state: a snapshot that
// was committed with version 1 of the format.
func TestGoldenSnapshot(t *testing.T) {
	b := small(t)
	s, err := state.Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "testdata/snapshot.golden", fmt.Sprintf("hash %x\n%s", s.Hash(), hex.Dump(b)))
}

// small is a snapshot with one or two records of every kind.
func small(t testing.TB) []byte {
	t.Helper()
	w := scenario.New()
	works := []api.Work{fixture.Work("A", fixture.Options{}), fixture.Work("B", fixture.Options{})}
	w.Apply(command.Entry{Principal: "a", Request: "r", Command: command.Submit{Experiment: "e", Works: works}})
	w.Apply(command.Entry{Command: command.Join{Worker: "w", Class: api.ClassCPU, Slots: 2, Host: "h"}})
	w.Apply(command.Entry{Command: command.Place{Task: works[0].Key, Generation: 1, Parts: []command.Part{{Worker: "w", Slots: 1}}}})
	w.Apply(command.Entry{Command: command.SetProject{Project: "p", Weight: 1}})
	w.Apply(command.Entry{Command: command.PutToken{Token: command.Token{ID: "t"}}})
	var b bytes.Buffer
	if err := w.State.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
