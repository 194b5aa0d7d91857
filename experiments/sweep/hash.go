package sweep

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"

	"g2c/api"
)

// Hash tells runs of one name apart, 64 hexadecimal digits: the SHA-256 of
//
//	"g2c run 1\n" | hash of the spec, as text | "\n" | for each task, sorted: its key (32 bytes)
//
// A part of a plan (Only) has a hash of its own, and so has the same spec on other data
// or in another numerics class, whose keys differ.
//
// A search goes on under the hash of the plan without it.
func (p *Plan) Hash() string {
	if p.Search != nil {
		return p.Search.Run
	}
	keys := make([]api.Key, len(p.Items))
	for i, item := range p.Items {
		keys[i] = item.Key
	}
	slices.SortFunc(keys, api.Key.Compare)
	h := sha256.New()
	h.Write([]byte("g2c run 1\n" + p.SpecHash + "\n"))
	for _, key := range keys {
		h.Write(key[:])
	}
	return hex.EncodeToString(h.Sum(nil))
}
