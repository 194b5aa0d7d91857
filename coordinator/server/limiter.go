package server

import (
	"sync"
	"time"

	"g2c/internal/clock"
)

// maxBuckets bounds the callers that a limiter tells apart: beyond it, those who
// have not called for a while are forgotten, which costs them nothing.
const maxBuckets = 10_000

// limiter lets each caller make so many calls a second: a bucket of tokens each.
type limiter struct {
	rate  float64 // tokens a second
	burst float64
	clock clock.Clock

	mu      sync.Mutex
	buckets map[string]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newLimiter(l Limits, c clock.Clock) *limiter {
	return &limiter{rate: l.CallsPerSecond, burst: float64(l.Burst), clock: c, buckets: map[string]*bucket{}}
}

// allow takes a token of a caller's bucket, if there is one.
func (l *limiter) allow(caller string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.clock.Now()
	b := l.buckets[caller]
	if b == nil {
		l.makeRoom(now)
		b = &bucket{l.burst, now}
		l.buckets[caller] = b
	}
	b.fill(now, l.rate, l.burst)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

func (b *bucket) fill(now time.Time, rate, burst float64) {
	if d := now.Sub(b.at); d > 0 {
		b.tokens = min(burst, b.tokens+rate*d.Seconds())
	}
	b.at = now
}

// makeRoom forgets full buckets when there are many.
func (l *limiter) makeRoom(now time.Time) {
	if len(l.buckets) < maxBuckets {
		return
	}
	for name, b := range l.buckets {
		if b.fill(now, l.rate, l.burst); b.tokens >= l.burst {
			delete(l.buckets, name)
		}
	}
}
