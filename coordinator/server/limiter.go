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
	streams map[string]int // open ones, by caller
}

type bucket struct {
	tokens float64
	at     time.Time
}

func newLimiter(l Limits, c clock.Clock) *limiter {
	return &limiter{rate: l.CallsPerSecond, burst: float64(l.Burst), clock: c, buckets: map[string]*bucket{}, streams: map[string]int{}}
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

// open counts a stream of a caller, unless they have as many as they may.
func (l *limiter) open(caller string, most int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[caller] >= most {
		return false
	}
	l.streams[caller]++
	return true
}

// close counts it no more.
func (l *limiter) close(caller string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams[caller]--; l.streams[caller] == 0 {
		delete(l.streams, caller)
	}
}
