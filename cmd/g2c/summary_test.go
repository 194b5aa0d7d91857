package main

import (
	"strings"
	"testing"

	"g2c/api"
	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
	"g2c/checkpoint/store"
)

// A key is shown as short as it is the task's alone in its store.
func TestTypedKeys(t *testing.T) {
	s, err := filestore.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	repo := checkpoint.New(s)
	var keys []api.Key
	for _, begins := range []string{"0123456789ab0", "0123456789ab1", "0123456799", "ff"} {
		key, err := api.ParseKey(begins + strings.Repeat("7", 64-len(begins)))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, key)
		_, err = repo.Save(t.Context(), checkpoint.Snapshot{
			Kind: checkpoint.Evaluate, Task: key.String(), Class: api.ClassCPU, Final: true, Description: []byte("{}"),
			Payloads: map[string]store.Body{checkpoint.Results: strings.NewReader(begins)},
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"0123456789ab0777", "0123456789ab1777", "012345679977", "ff777777"} {
		if got, err := typed(t.Context(), repo, keys[i]); err != nil || got != want {
			t.Errorf("%s is %s, want %s, %v", keys[i], got, want, err)
		}
	}
}
