package agent

import (
	"testing"

	"g2c/api"
)

// The inventory keeps what was used last, each once, and is sent sorted.
func TestInventory(t *testing.T) {
	var s inventory
	for i := range maxInventory {
		if !s.use(api.Key{byte(200 - i)}) {
			t.Fatalf("data set %d is said to be there", i)
		}
	}
	if s.use(api.Key{200}) {
		t.Error("data that was there is new")
	}
	if !s.use(api.Key{255}) {
		t.Error("new data is not")
	}
	keys := s.sorted()
	if len(keys) != maxInventory {
		t.Fatalf("%d data sets, want %d", len(keys), maxInventory)
	}
	has := map[api.Key]bool{}
	for i, k := range keys {
		has[k] = true
		if i > 0 && keys[i-1][0] >= k[0] {
			t.Error("they are not sorted")
		}
	}
	if !has[api.Key{200}] || !has[api.Key{255}] || has[api.Key{199}] {
		t.Error("not the oldest made room")
	}
}
