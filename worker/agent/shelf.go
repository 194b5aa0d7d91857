package agent

import (
	"bytes"
	"slices"

	"g2c/api"
)

// maxShelf is how many data sets the coordinator hears of: its command.MaxCached.
const maxShelf = 64

// shelf remembers which data a worker has read last: it is likely to be at hand
// still, decoded, so that tasks over it start sooner here.
type shelf struct{ keys []api.Key } // the last used comes last

// use notes that data was read. It reports whether the shelf holds others now than
// before.
func (s *shelf) use(k api.Key) bool {
	if i := slices.Index(s.keys, k); i >= 0 {
		s.keys = append(slices.Delete(s.keys, i, i+1), k)
		return false
	}
	s.keys = append(s.keys, k)
	if len(s.keys) > maxShelf {
		s.keys = slices.Delete(s.keys, 0, 1)
	}
	return true
}

// sorted is a copy of it, as it is sent.
func (s *shelf) sorted() []api.Key {
	keys := slices.Clone(s.keys)
	slices.SortFunc(keys, func(a, b api.Key) int { return bytes.Compare(a[:], b[:]) })
	return keys
}
