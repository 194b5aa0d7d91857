package state_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"testing"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

var recording = flag.String("record", "", "`file` to write a history of this release to, for the releases that come: testdata/levelN.gz, before the level is raised")

// TestRecordARelease writes down what this release makes of a random history, in the form
// that TestTheReleasesBefore reads.
func TestRecordARelease(t *testing.T) {
	if *recording == "" {
		t.Skip("SKIPPED: nothing is recorded: -record FILE does that, before a new level")
	}
	w := newWorld(uint64(command.Level))
	w.m.most = state.LimitsEach().Experiments
	for i := range w.works { // what the newest level brought
		if g := generatorOf(&w.works[i].Task); g != nil && i%5 == 0 {
			g.Up = api.UpK3
			w.works[i].Key = w.works[i].Task.Key()
		}
	}
	var text bytes.Buffer
	for i := range 2600 {
		e := w.entry()
		if i == 3 {
			e = command.Entry{At: w.now, Command: command.Raise{Level: command.Level}}
		}
		b, err := command.Encode(e)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, "%x\n", b)
		if err := w.play(t, e); err != nil {
			t.Fatal(err)
		}
		if w.answer != nil {
			fmt.Fprintf(&text, "refused %v\n", w.answer)
		}
		if i%50 == 49 {
			fmt.Fprintf(&text, "hash %x\n", w.s.Hash())
		}
	}
	var snapshot bytes.Buffer
	if err := w.s.Encode(&snapshot); err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&text, "snapshot %x\n", sha256.Sum256(snapshot.Bytes()))
	var out bytes.Buffer
	z, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := z.Write(text.Bytes()); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(*recording, out.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
}

// generatorOf is the shape of a task's generators; nil if it has none.
func generatorOf(t *api.Task) *api.Generator {
	switch {
	case t.Pretrain != nil:
		return &t.Pretrain.Generator
	case t.Finetune != nil:
		return t.Finetune.Generator
	}
	return nil
}
