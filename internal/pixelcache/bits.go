package pixelcache

import "sync/atomic"

// newBits is room for n bits.
func newBits(n int) []atomic.Uint32 { return make([]atomic.Uint32, (n+31)/32) }
