// Package storetest is the one suite that every store backend passes, and a
// store that fails on demand. It is for tests alone and holds no backend.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"g2c/checkpoint/store"
)

// racers is how many writers try for one key at once.
const racers = 16

// Run runs the suite. open makes an empty store; it is called once a test.
func Run(t *testing.T, open func(t *testing.T) store.Store) {
	for _, c := range []struct {
		name string
		test func(t *testing.T, s store.Store)
	}{
		{"PutGet", putGet},
		{"PutReplaces", putReplaces},
		{"PutIfAbsent", putIfAbsent},
		{"RaceHasOneWinner", race},
		{"ReadersSeeWholeObjects", wholeObjects},
		{"Range", ranges},
		{"ListIsSortedByKey", list},
		{"Delete", deletes},
		{"Missing", missing},
		{"BadKeys", badKeys},
		{"Cancelled", cancelled},
	} {
		t.Run(c.name, func(t *testing.T) { c.test(t, open(t)) })
	}
}

func body(s string) store.Body { return strings.NewReader(s) }

func mustPut(t *testing.T, s store.Store, key, content string) {
	t.Helper()
	if err := s.Put(t.Context(), key, body(content)); err != nil {
		t.Fatalf("put %s: %v", key, err)
	}
}

func read(t *testing.T, s store.Store, key string) string {
	t.Helper()
	r, err := s.Get(t.Context(), key)
	if err != nil {
		t.Fatalf("get %s: %v", key, err)
	}
	return drain(t, r)
}

func drain(t *testing.T, r io.ReadCloser) string {
	t.Helper()
	got, err := io.ReadAll(r)
	if err := errors.Join(err, r.Close()); err != nil {
		t.Fatal(err)
	}
	return string(got)
}

func putGet(t *testing.T, s store.Store) {
	// Empty, one byte, around a mebibyte, and several pieces with an end.
	for i, n := range []int{0, 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 12345} {
		content := strings.Repeat("0123456789abcde", n/15+1)[:n]
		key := fmt.Sprintf("objects/%d", i)
		mustPut(t, s, key, content)
		if got := read(t, s, key); got != content {
			t.Errorf("%d bytes came back as %d others", n, len(got))
		}
		info, err := s.Stat(t.Context(), key)
		if err != nil || info.Key != key || info.SizeBytes != int64(n) || info.Modified.IsZero() {
			t.Errorf("stat %s = %+v, %v; want %d bytes and a time", key, info, err, n)
		}
	}
}

func putReplaces(t *testing.T, s store.Store) {
	mustPut(t, s, "a/b", "the first, which is longer")
	old, err := s.Get(t.Context(), "a/b")
	if err != nil {
		t.Fatal(err)
	}
	mustPut(t, s, "a/b", "second")
	if got := read(t, s, "a/b"); got != "second" {
		t.Errorf("got %q", got)
	}
	if got := drain(t, old); got != "the first, which is longer" {
		t.Errorf("a reader that began before sees %q", got)
	}
}

func putIfAbsent(t *testing.T, s store.Store) {
	for i, want := range []bool{true, false, false} {
		won, err := s.PutIfAbsent(t.Context(), "m/1", body(fmt.Sprint("writer ", i)))
		if err != nil || won != want {
			t.Errorf("put %d: won %v, %v; want %v", i, won, err, want)
		}
	}
	if got := read(t, s, "m/1"); got != "writer 0" {
		t.Errorf("got %q", got)
	}
	if err := s.Delete(t.Context(), "m/1"); err != nil {
		t.Fatal(err)
	}
	if won, err := s.PutIfAbsent(t.Context(), "m/1", body("again")); err != nil || !won {
		t.Errorf("after a delete: won %v, %v", won, err)
	}
}

func race(t *testing.T, s store.Store) {
	var (
		group sync.WaitGroup
		wins  atomic.Int32
		start = make(chan struct{})
		names [racers]string
	)
	for i := range racers {
		group.Go(func() {
			<-start
			content := strings.Repeat(string(rune('a'+i)), 1000+i)
			won, err := s.PutIfAbsent(t.Context(), "race/key", body(content))
			if err != nil {
				t.Errorf("writer %d: %v", i, err)
			}
			if won {
				wins.Add(1)
				names[i] = content
				return
			}
			// A loser can read what won at once.
			if r, err := s.Get(t.Context(), "race/key"); err != nil {
				t.Errorf("loser %d: %v", i, err)
			} else {
				names[i] = ""
				r.Close()
			}
		})
	}
	close(start)
	group.Wait()
	if wins.Load() != 1 {
		t.Fatalf("%d writers won, want exactly 1", wins.Load())
	}
	if got := read(t, s, "race/key"); !slices.Contains(names[:], got) || got == "" {
		t.Errorf("the object is not the winner's: %.20q", got)
	}
}

func wholeObjects(t *testing.T, s store.Store) {
	contents := []string{strings.Repeat("x", 300000), strings.Repeat("y", 200000)}
	mustPut(t, s, "objects/o", contents[0])
	ctx, stop := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() {
		for i := 0; ctx.Err() == nil; i++ {
			if err := s.Put(t.Context(), "objects/o", body(contents[i%2])); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 50 {
		if got := read(t, s, "objects/o"); !slices.Contains(contents, got) {
			t.Errorf("a reader saw %d bytes of a mixture", len(got))
		}
	}
	stop()
	group.Wait()
}

func ranges(t *testing.T, s store.Store) {
	const content = "0123456789"
	mustPut(t, s, "o", content)
	for _, c := range [][2]int64{{0, 10}, {0, 0}, {3, 4}, {9, 1}, {10, 0}} {
		r, err := s.GetRange(t.Context(), "o", c[0], c[1])
		if err != nil {
			t.Errorf("range %v: %v", c, err)
			continue
		}
		if got := drain(t, r); got != content[c[0]:c[0]+c[1]] {
			t.Errorf("range %v = %q", c, got)
		}
	}
	for _, c := range [][2]int64{{-1, 2}, {0, 11}, {11, 0}, {20, 1}, {5, -1}, {1, 1<<63 - 1}} {
		if _, err := s.GetRange(t.Context(), "o", c[0], c[1]); !errors.Is(err, store.ErrRange) {
			t.Errorf("range %v: %v, want ErrRange", c, err)
		}
	}
}

func list(t *testing.T, s store.Store) {
	keys := []string{"a-b/1", "a.b", "a/1", "a/10", "a/2/x", "ab", "b"}
	for i, k := range slices.Backward(keys) {
		mustPut(t, s, k, strings.Repeat("z", i))
	}
	for prefix, want := range map[string][]string{
		"": keys, "a": keys[:6], "a/": keys[2:5], "a/1": keys[2:4], "a/2/": keys[4:5],
		"a/2/x": keys[4:5], "c": nil, "a/1/": nil, "none/at/all": nil, "../": nil, "/": nil,
	} {
		infos, err := s.List(t.Context(), prefix)
		if err != nil {
			t.Errorf("list %q: %v", prefix, err)
		}
		var got []string
		for _, info := range infos {
			got = append(got, info.Key)
			if info.SizeBytes != int64(slices.Index(keys, info.Key)) || info.Modified.IsZero() {
				t.Errorf("list %q: %+v", prefix, info)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("list %q = %v, want %v", prefix, got, want)
		}
	}
}

func deletes(t *testing.T, s store.Store) {
	mustPut(t, s, "d/1", "one")
	mustPut(t, s, "d/2", "two")
	for range 2 { // the second finds nothing and does not mind
		if err := s.Delete(t.Context(), "d/1"); err != nil {
			t.Error(err)
		}
	}
	if err := s.Delete(t.Context(), "never/there"); err != nil {
		t.Error(err)
	}
	if infos, err := s.List(t.Context(), ""); err != nil || len(infos) != 1 || infos[0].Key != "d/2" {
		t.Errorf("left: %v, %v", infos, err)
	}
}

func missing(t *testing.T, s store.Store) {
	mustPut(t, s, "file", "x")
	for _, key := range []string{"none", "no/such", "file/below"} {
		if _, err := s.Get(t.Context(), key); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("get %s: %v", key, err)
		}
		if _, err := s.GetRange(t.Context(), key, 0, 0); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("range %s: %v", key, err)
		}
		if _, err := s.Stat(t.Context(), key); !errors.Is(err, store.ErrNotExist) {
			t.Errorf("stat %s: %v", key, err)
		}
	}
}

func badKeys(t *testing.T, s store.Store) {
	for _, key := range []string{"", "/a", "a/", "../a", "a/../../b", ".lock", "a//b"} {
		_, getErr := s.Get(t.Context(), key)
		_, rangeErr := s.GetRange(t.Context(), key, 0, 0)
		_, statErr := s.Stat(t.Context(), key)
		_, absentErr := s.PutIfAbsent(t.Context(), key, body("x"))
		for i, err := range []error{getErr, rangeErr, statErr, absentErr, s.Put(t.Context(), key, body("x")), s.Delete(t.Context(), key)} {
			if !errors.Is(err, store.ErrBadKey) {
				t.Errorf("key %q, call %d: %v", key, i, err)
			}
		}
	}
}

func cancelled(t *testing.T, s store.Store) {
	mustPut(t, s, "kept", "before")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, absentErr := s.PutIfAbsent(ctx, "new", bytes.NewReader(make([]byte, 3<<20)))
	for i, err := range []error{absentErr, s.Put(ctx, "kept", body("after"))} {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("call %d: %v", i, err)
		}
	}
	if got := read(t, s, "kept"); got != "before" {
		t.Errorf("a cancelled put left %q", got)
	}
	if _, err := s.Stat(t.Context(), "new"); !errors.Is(err, store.ErrNotExist) {
		t.Errorf("a cancelled put left an object: %v", err)
	}
}
