package state

// MaxAttempts is how often a task is tried before it counts as failed: a fault of
// one host shows once, a fault of the task every time.
const MaxAttempts = 3

// A task that failed waits before it is tried again, twice as long each time:
// what it failed of is often gone by then.
const (
	BackoffFirstMS = 10_000
	BackoffMaxMS   = 300_000
)

// What the state remembers at most.
const (
	MaxRequests = 1 << 15 // repeats come within minutes, and writes of people are few
	MaxAudit    = 10_000  // older records are for the leader's log files
	MaxTokens   = 10_000
	maxAvoid    = MaxAttempts
	maxChanges  = 1 << 16 // of each half of the list: a watcher further behind lists anew
)

// backoffMS is how long a task waits after so many failures.
func backoffMS(failures int) int64 {
	wait := int64(BackoffFirstMS)
	for range failures - 1 {
		wait = min(2*wait, BackoffMaxMS)
	}
	return wait
}
