package lru

import (
	"context"
	"errors"
	"sync"
	"testing"
)

// What was not asked for lately makes room; the last ones stay, and what takes none.
func TestAShelfMakesRoom(t *testing.T) {
	made := 0
	s := &Cache[int, int64]{Size: func(v int64) int64 { return v }, Keep: 50, Least: 4}
	ask := func(key int, size int64) {
		t.Helper()
		v, err := s.Get(t.Context(), key, func() (int64, error) { made++; return size, nil })
		if v != size || err != nil {
			t.Fatal(v, err)
		}
	}
	ask(-2, 0)
	for i := range 100 {
		ask(i, 10)
		ask(-1, 10)
	}
	if made != 102 || s.Len() != 6 || len(s.late) != 6 {
		t.Errorf("%d were made of 102, %d are kept, in an order of %d", made, s.Len(), len(s.late))
	}
	s.Keep = 1
	ask(200, 10)
	if s.Len() != 5 {
		t.Errorf("%d are kept in too little room", s.Len())
	}
}

// What failed is tried again: files come back, and who gave up speaks for themselves.
func TestAShelfTriesAgain(t *testing.T) {
	s := &Cache[string, int]{Size: func(int) int64 { return 1 }, Least: 1}
	broken := errors.New("the disk is away")
	if _, err := s.Get(t.Context(), "q", func() (int, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Fatal(err)
	}
	waits := make(chan struct{})
	var waiter sync.WaitGroup
	_, err := s.Get(t.Context(), "q", func() (int, error) {
		waiter.Go(func() {
			close(waits)
			if v, err := s.Get(t.Context(), "q", func() (int, error) { return 7, nil }); v != 7 || err != nil {
				t.Errorf("who waited for one who gave up: %v", err)
			}
		})
		<-waits
		return 0, context.Canceled
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	waiter.Wait()
	if v, err := s.Get(t.Context(), "q", nil); v != 7 || err != nil {
		t.Errorf("what was made at last: %v", err)
	}
}

// Who waits for another may give up.
func TestNobodyHasToWait(t *testing.T) {
	s := &Cache[string, int]{Size: func(int) int64 { return 1 }, Least: 1}
	_, err := s.Get(t.Context(), "q", func() (int, error) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := s.Get(ctx, "q", nil); !errors.Is(err, context.Canceled) {
			t.Errorf("who gave up: %v", err)
		}
		return 7, nil
	})
	if err != nil {
		t.Error(err)
	}
}

// What is of no use any more is made anew for whoever asks next.
func TestAShelfForgetsWhatIsStale(t *testing.T) {
	stale := map[int]bool{}
	s := &Cache[string, int]{Size: func(int) int64 { return 1 }, Least: 2, Stale: func(v int) bool { return stale[v] }}
	made := 0
	ask := func(want int) {
		t.Helper()
		if v, err := s.Get(t.Context(), "q", func() (int, error) { made++; return made, nil }); v != want || err != nil {
			t.Errorf("value %d, %v; want %d", v, err, want)
		}
	}
	ask(1)
	ask(1)
	stale[1] = true
	ask(2)
	ask(2)
	if s.Len() != 1 || len(s.late) != 1 {
		t.Errorf("%d are kept, in an order of %d", s.Len(), len(s.late))
	}
}
