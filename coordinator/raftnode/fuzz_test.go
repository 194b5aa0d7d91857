package raftnode

import (
	"bytes"
	"testing"

	"g2c/coordinator/command"
)

// What is read as a batch is written the same way, and no bytes crash the reader.
func FuzzBatch(f *testing.F) {
	one, err := command.Encode(command.Entry{At: 5, Command: command.SetProject{Project: "p", Weight: 2}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(encodeBatch([][]byte{one}))
	f.Add(encodeBatch([][]byte{one, one}))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		entries, err := decodeBatch(b)
		if err != nil {
			return
		}
		var again [][]byte
		for _, e := range entries {
			data, err := command.Encode(e)
			if err != nil {
				t.Fatalf("read and not written: %v", err)
			}
			again = append(again, data)
		}
		back, err := decodeBatch(encodeBatch(again))
		if err != nil || len(back) != len(entries) {
			t.Errorf("%d entries, then %d, %v", len(entries), len(back), err)
		}
	})
}

// What nodes say to each other, and node.json.
func FuzzMessages(f *testing.F) {
	for _, v := range []any{greeting{From: "c1/0123456789abcdef"}, ask{Join: true}, report{Marks: []hashMark{{Index: 256}}}} {
		var b bytes.Buffer
		if err := writeFrame(&b, v); err != nil {
			f.Fatal(err)
		}
		f.Add(b.Bytes())
	}
	f.Add([]byte(`{"Version":1,"ID":"1-2-3","Index":2,"Term":1,"Size":9,"CRC":"AAAAAAAAAAA="}`))
	f.Add([]byte(`{"format":1,"name":"c1","birth":"0123456789abcdef","sum":"00"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		readFrame(bytes.NewReader(b), &greeting{})
		readFrame(bytes.NewReader(b), &ask{})
		readFrame(bytes.NewReader(b), &report{})
		parseMember(string(b))
		if m, err := parseMeta(b, "1-2-3"); err == nil && (m.ID != "1-2-3" || m.Index == 0) {
			t.Error("another snapshot's meta.json is believed")
		}
		if i, err := parseIdentity(b); err == nil && i.Sum != i.sum() {
			t.Error("an identity without its sum is believed")
		}
	})
}
