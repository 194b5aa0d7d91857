//go:build !linux

package clock

import "time"

var started = time.Now()

// SinceBoot is the time since the process was started, by the monotonic clock.
func SinceBoot() time.Duration { return time.Since(started) }
