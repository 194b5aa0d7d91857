package state

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"g2c/coordinator/command"
)

// MaxAttempts is how often a task is tried before it counts as failed: a fault of
// one host shows once, a fault of the task every time.
const MaxAttempts = 3

// MaxDeaths is after how many deaths of processes in a row, with no step completed
// between two, a task is taken for what they die of.
const MaxDeaths = 5

// A task that failed waits before it is tried again, twice as long each time:
// what it failed of is often gone by then.
const (
	BackoffFirstMS = 10_000
	BackoffMaxMS   = 300_000
)

// What the state remembers at most.
const (
	MaxRequests     = 1 << 15 // repeats come within minutes, and writes of people are few
	MaxRequestsEach = 1 << 12 // of one principal, from level 4 on
	MaxAudit        = 10_000  // older records are for the leader's log files
	MaxTokens       = 10_000
	MaxUsers        = 10_000
	MaxCertificates = 10_000 // that are revoked
	MaxProjects     = 10_000
	maxAvoid        = MaxAttempts
	maxLeft         = 256     // tasks that a lost worker is remembered to have run
	maxChanges      = 1 << 16 // of each half of the list: a watcher further behind lists anew
	maxReason       = 1024    // bytes of a reason or an outcome, from level 4 on
	maxName         = 256     // bytes of a name that many records hold, from level 4 on
)

// Limits are how much there may be of what people submit. They are held from level 4 on,
// and asked for before anything is written at every level (CheckSubmit).
type Limits struct {
	Experiments int // kept
	Tasks       int // kept; of one holder, as often as its experiments list them
	Live        int // of these, tasks that have not ended
	Bytes       int // of records, about
}

// The limits of all and of one project or principal, who cannot fill the state alone.
// A task of usual size takes 1.4 KiB of memory with its wish: 131 MiB for the 100,000 of
// go run ./bench/coordinator -part memory, at level 4.
var (
	limitsInAll = Limits{Experiments: 1 << 16, Tasks: 1 << 20, Live: 1 << 20, Bytes: 4 << 30}
	limitsEach  = Limits{Experiments: 1 << 14, Tasks: 1 << 19, Live: 1 << 18, Bytes: 1 << 30}
)

// LimitsInAll are the limits of all that is submitted.
func LimitsInAll() Limits { return limitsInAll }

// LimitsEach are the limits of each project, and of each principal.
func LimitsEach() Limits { return limitsEach }

// Limits of single things.
const (
	MaxTasksEach  = 1 << 17 // tasks that one experiment lists, with all that its works need
	MaxWishesEach = 1 << 10 // experiments that list one task
)

// backoffMS is how long a task waits after so many failures.
func backoffMS(failures int) int64 {
	wait := int64(BackoffFirstMS)
	for range failures - 1 {
		wait = min(2*wait, BackoffMaxMS)
	}
	return wait
}

// hold compares figures with limits and says whose are passed.
func (l Limits) hold(whose string, f Figures) error {
	for _, c := range []struct {
		what      string
		have, may int
	}{
		{"experiments", f.Experiments, l.Experiments}, {"tasks", f.Tasks, l.Tasks},
		{"tasks that have not ended", f.Live, l.Live}, {"bytes of tasks", f.Bytes, l.Bytes},
	} {
		if c.have > c.may {
			return fmt.Errorf("%s would have %d %s, at most %d: %w", whose, c.have, c.what, c.may, ErrLimit)
		}
	}
	return nil
}

// clipped is a text that records hold many times, cut to a length from level 4 on.
func (d *data) clipped(text string, most int) string {
	if !d.apart() {
		return text
	}
	return clip(text, most)
}

// clip cuts a text to a length in bytes, between two characters.
func clip(text string, most int) string {
	const tail = "…"
	if len(text) <= most {
		return text
	}
	for most -= len(tail); most > 0 && !utf8.RuneStart(text[most]); most-- {
	}
	return strings.ToValidUTF8(text[:most], "") + tail
}

// recordBytes bounds what a list of tasks takes in the record of an experiment below
// level 4: a number below lastTask+more each, and its length.
func (d *data) recordBytes(c command.Submit, principal string, tasks int) int {
	width := 1
	for n := d.lastTask + uint64(len(c.Works)); n >= 1<<7; n >>= 7 {
		width++
	}
	texts := len(c.Experiment) + len(c.Name) + len(c.Project) + len(principal)
	return min(tasks*(1+width), math.MaxInt32) + texts + command.MaxText + 128 // a reason may come
}
