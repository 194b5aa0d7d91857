package scenario

import (
	"bytes"
	"testing"

	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// CheckReplay holds the world to what a cluster relies on: the log applied again
// makes the same state, through the bytes of the log too, and so does a snapshot
// taken at any entry with the rest of the log on top.
func (w *World) CheckReplay(t *testing.T) {
	t.Helper()
	want := w.State.Hash()
	for cut := 0; cut <= len(w.Log); cut += 1 + len(w.Log)/8 {
		s := state.New()
		w.replay(t, s, 0, cut)
		frozen := s.Snapshot()
		before := frozen.Hash()
		var b bytes.Buffer
		if err := frozen.Encode(&b); err != nil {
			t.Fatal(err)
		}
		restored, err := state.Decode(bytes.NewReader(b.Bytes()))
		if err != nil {
			t.Fatalf("restore at entry %d: %v", cut, err)
		}
		w.replay(t, restored, cut, len(w.Log))
		w.replay(t, s, cut, len(w.Log))
		if restored.Hash() != want || s.Hash() != want {
			t.Fatalf("cut at entry %d: replay %x, restored %x, want %x", cut, s.Hash(), restored.Hash(), want)
		}
		if err := frozen.Check(); err != nil || frozen.Hash() != before {
			t.Fatalf("the snapshot at entry %d changed later: %v", cut, err)
		}
		checkSameBytes(t, s, restored)
	}
}

// replay applies entries of the log as a replica reads them.
func (w *World) replay(t *testing.T, s *state.State, from, to int) {
	t.Helper()
	for i := from; i < to; i++ {
		b, err := command.Encode(w.Log[i])
		if err != nil {
			t.Fatal(err)
		}
		e, err := command.Decode(b)
		if err != nil {
			t.Fatal(err)
		}
		s.Apply(uint64(i+1), e)
	}
}

func checkSameBytes(t *testing.T, a, b *state.State) {
	t.Helper()
	var x, y bytes.Buffer
	if err := a.Encode(&x); err != nil {
		t.Fatal(err)
	}
	if err := b.Encode(&y); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(x.Bytes(), y.Bytes()) {
		t.Fatal("two replicas write different snapshots")
	}
}
