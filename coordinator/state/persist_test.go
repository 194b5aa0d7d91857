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
	damage(t, encoded(t))
	damage(t, small4(t))
}

func damage(t *testing.T, good []byte) {
	t.Helper()
	if _, err := state.Decode(bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(good); i += 1 + len(good)/2000 {
		bad := bytes.Clone(good)
		bad[i] ^= 0x10
		if _, err := state.Decode(bytes.NewReader(bad)); !errors.Is(err, state.ErrCorrupt) && !errors.Is(err, state.ErrNewer) {
			t.Fatalf("byte %d flipped: %v", i, err)
		}
		if _, err := state.Decode(bytes.NewReader(good[:i])); !errors.Is(err, state.ErrCorrupt) && !(i < 12 && errors.Is(err, state.ErrNewer)) {
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
	f.Add(small4(f))
	f.Fuzz(func(t *testing.T, body []byte) {
		if _, err := state.Decode(bytes.NewReader(body)); err != nil && !errors.Is(err, state.ErrCorrupt) && !errors.Is(err, state.ErrNewer) {
			t.Fatalf("an error of another class: %v", err)
		}
		_ = state.DecodeUnsealed(body) // whatever it says, it may not panic
	})
}

// What releases wrote must stay readable, and make the same state: snapshots that
// were committed with version 1 of the format, of level 1 and of level 4.
func TestGoldenSnapshot(t *testing.T) {
	for file, b := range map[string][]byte{"testdata/snapshot.golden": small(t), "testdata/snapshot4.golden": small4(t)} {
		s, err := state.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		golden.Check(t, file, fmt.Sprintf("hash %x\n%s", s.Hash(), hex.Dump(b)))
	}
}

// small4 is a snapshot with one or two records of every kind of level 4, every field of
// theirs set.
func small4(t testing.TB) []byte {
	t.Helper()
	w := scenario.New()
	a, b := fixture.Work("A", fixture.Options{Shared: true}), fixture.Work("B", fixture.Options{})
	other := fixture.Work("A", fixture.Options{Shared: true, Source: "elsewhere"})
	gang := []command.Part{{Worker: "v", Slots: 1}}
	report := command.Report{Task: a.Key, Worker: "v", Incarnation: 2, Generation: 1}
	for i, c := range []command.Command{
		command.Raise{Level: api.LevelWishes}, command.SetProject{Project: "p", Weight: 1},
		command.Submit{Experiment: "e", Works: []api.Work{a, b}},
		command.Submit{Experiment: "f", Project: "p", Priority: 3, Need: command.Need{Device: "x", Memory: 1}, Works: []api.Work{other}},
		command.Join{Worker: "w", Issue: true, Class: api.ClassCPU, Slots: 2, Host: "h", Boot: "b"},
		command.Join{Worker: "v", Issue: true, Class: api.ClassCPU, Slots: 2, Host: "i", Boot: "b"},
		command.Place{Task: a.Key, Generation: 1, Parts: gang, Experiment: 1}, command.Done{Report: report}, command.Missing{Tasks: []api.Key{a.Key}},
		command.Place{Task: b.Key, Generation: 1, Parts: gang, Experiment: 1},
		command.Lost{Worker: "v", Incarnation: 2, Progress: []command.Progress{{Task: b.Key, Step: 7, Words: "bang"}}},
		command.Place{Task: b.Key, Generation: 2, Parts: []command.Part{{Worker: "w", Slots: 1}}, Experiment: 1},
		command.PutUser{User: command.User{Name: "u", Role: "viewer", Project: "p"}}, command.RevokeCertificate{Serial: "ff", Note: "n"},
	} {
		w.Now = int64(i + 1)
		e := command.Entry{Principal: "a", Request: fmt.Sprint("r", i), Command: c, Content: [32]byte{byte(i)}}
		if i < 11 {
			e.Request = ""
		}
		if r := w.Apply(e); r.Err != nil {
			t.Fatal(r.Err)
		}
	}
	var out bytes.Buffer
	if err := w.State.Encode(&out); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
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
