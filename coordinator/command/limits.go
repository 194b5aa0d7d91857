package command

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// Refusals of bytes and of entries.
var (
	// ErrMalformed is an entry that no release would have written.
	ErrMalformed = errors.New("malformed log entry")
	// ErrNewer is an entry of a newer release than this one.
	ErrNewer = errors.New("log entry of a newer release")
)

// Limits of an entry. They keep one command from filling the log or the memory of
// every replica.
const (
	MaxEntryBytes = 64 << 20 // MaxWorks of a usual size
	MaxWorks      = 20_000   // of one experiment
	MaxKeys       = 20_000
	MaxCached     = 64   // data sets that a worker speaks of
	MaxParts      = 1024 // workers of one gang
	MaxSlots      = 4096 // of one worker
	MaxText       = 4096 // bytes of a name, an id or a reason
	MaxWeight     = 1_000_000
	MaxProgress   = MaxSlots // tasks of which a worker's last is told
	MaxAddress    = 300      // bytes of host:port
	MaxWords      = 512      // bytes of the last that a log said
)

// check holds an entry to the limits.
func (e Entry) check() error {
	c := &checker{}
	c.text("request", e.Request, MaxText)
	c.text("principal", e.Principal, MaxText)
	c.that(e.Command != nil, "no command in it")
	if c.err == nil {
		e.Command.check(c)
	}
	return c.err
}

// checker keeps the first limit that something is outside of.
type checker struct{ err error }

func (c *checker) that(ok bool, format string, a ...any) {
	if c.err == nil && !ok {
		c.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, a...)...)
	}
}

// id checks the name of a thing.
func (c *checker) id(what, s string) {
	if s == "" {
		c.that(false, "%s: a thing without a name", what)
	}
	c.text(what, s, MaxText)
}

// text is checked before anything is said of it: a refusal costs more than the check.
func (c *checker) text(what, s string, limit int) {
	if len(s) > limit || !utf8.ValidString(s) {
		c.that(false, "%s: text of %d bytes, at most %d of UTF-8", what, len(s), limit)
	}
}

// between checks a number; both bounds are allowed.
func (c *checker) between(what string, n, low, high int64) {
	if n < low || n > high {
		c.that(false, "%s: %d, want %d to %d", what, n, low, high)
	}
}

// count checks the length of a list.
func (c *checker) count(what string, n, low, high int) {
	if n < low || n > high {
		c.that(false, "%s: %d items, want %d to %d", what, n, low, high)
	}
}

func (c *checker) mode(m Mode) {
	if m.number() == 0 {
		c.that(false, "unknown mode %q", m)
	}
}

// rising checks that a set has its one encoding: its items are sorted, and none is there
// twice.
func rising[T any](c *checker, what string, list []T, compare func(a, b *T) int) {
	for i := 1; i < len(list); i++ {
		if compare(&list[i-1], &list[i]) >= 0 {
			c.that(false, "%s are not sorted, or one is there twice", what)
			return
		}
	}
}

// modeNumbers are for ever, as the numbers of commands are.
var modeNumbers = map[Mode]uint64{Ready: 1, Cordoned: 2, Draining: 3, Maintenance: 4}

func (m Mode) number() uint64 { return modeNumbers[m] }

func (d *reader) mode() Mode {
	n := d.uint()
	for m, number := range modeNumbers {
		if number == n {
			return m
		}
	}
	d.fail("unknown mode %d", n)
	return ""
}
