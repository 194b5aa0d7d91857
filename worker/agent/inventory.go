package agent

import (
	"bytes"
	"slices"

	"g2c/api"
)

// maxInventory is how many data sets the coordinator hears of: its command.MaxCached.
const maxInventory = 64

// inventory remembers which data a worker has read last: it is likely to be at hand
// still, decoded, so that tasks over it start sooner here.
type inventory struct{ keys []api.Key } // the last used comes last

// use notes that data was read. It reports whether it holds others now than
// before.
func (s *inventory) use(k api.Key) bool {
	if i := slices.Index(s.keys, k); i >= 0 {
		s.keys = append(slices.Delete(s.keys, i, i+1), k)
		return false
	}
	s.keys = append(s.keys, k)
	if len(s.keys) > maxInventory {
		s.keys = slices.Delete(s.keys, 0, 1)
	}
	return true
}

// sorted is a copy of it, as it is sent.
func (s *inventory) sorted() []api.Key {
	keys := slices.Clone(s.keys)
	slices.SortFunc(keys, func(a, b api.Key) int { return bytes.Compare(a[:], b[:]) })
	return keys
}
