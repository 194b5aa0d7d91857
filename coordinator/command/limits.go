package command

import (
	"errors"
	"fmt"
	"math"
	"unicode/utf8"

	"g2c/api"
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
	MaxWords      = 512      // bytes of the last that a log said
)

// check holds an entry to the limits.
func (e Entry) check() error {
	c := &checker{}
	c.text(e.Request, e.Principal)
	switch v := e.Command.(type) {
	case nil:
		c.that(false, "no command in it")
	case Submit:
		c.id(v.Experiment)
		c.text(v.Name, v.Project, v.Need.Device)
		c.count("works", len(v.Works), MaxWorks)
		c.count("finished works", len(v.Finished), MaxKeys)
		c.that(v.Need.Memory >= 0, "memory of %d bytes", v.Need.Memory)
		c.that(v.Priority >= math.MinInt32 && v.Priority <= math.MaxInt32, "priority %d", v.Priority)
	case Found:
		c.count("tasks", len(v.Tasks), MaxKeys)
	case Missing:
		c.count("tasks", len(v.Tasks), MaxKeys)
	case Place:
		c.parts(v.Parts)
	case Resize:
		c.parts(v.Parts)
	case Cancel:
		c.text(v.Experiment, v.Reason)
	case Retry:
		c.text(v.Experiment)
	case Preempt:
		c.text(v.Reason)
	case Evict:
		c.text(v.Reason, v.Words)
	default:
		c.worker(v)
		c.house(v)
	}
	return c.err
}

type checker struct{ err error }

func (c *checker) that(ok bool, format string, a ...any) {
	if c.err == nil && !ok {
		c.err = fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, a...)...)
	}
}

// worker checks what workers say and what is said of them.
func (c *checker) worker(v Command) {
	switch v := v.(type) {
	case Started:
		c.id(v.Worker)
	case Done:
		c.id(v.Worker)
	case Failed:
		c.id(v.Worker)
		c.text(v.Reason)
	case Interrupted:
		c.id(v.Worker)
	case Released:
		c.id(v.Worker)
	case Join:
		c.id(v.Worker)
		c.text(v.Class, v.Device, v.Host)
		c.that(v.Slots >= 1 && v.Slots <= MaxSlots, "%d slots, want 1 to %d", v.Slots, MaxSlots)
		c.that(v.Memory >= 0, "memory of %d bytes", v.Memory)
		c.cached(v.Cached)
		c.text(v.Boot)
		c.progress(v.Progress)
	case Cache:
		c.id(v.Worker)
		c.cached(v.Cached)
	case Lost:
		c.id(v.Worker)
		c.progress(v.Progress)
	case Leave:
		c.id(v.Worker)
	case SetMode:
		c.id(v.Worker)
		c.text(v.Reason)
		c.that(modeNumbers[v.Mode] != 0, "unknown mode %q", v.Mode)
	}
}

// house checks what keeps the house.
func (c *checker) house(v Command) {
	switch v := v.(type) {
	case SetProject:
		c.id(v.Project)
		c.that(v.Weight >= 1 && v.Weight <= MaxWeight, "weight %d, want 1 to %d", v.Weight, MaxWeight)
		c.that(v.Quota >= 0 && v.Quota <= math.MaxInt32, "quota %d", v.Quota)
	case PutToken:
		c.id(v.Token.ID)
		c.text(v.Token.Project, v.Token.Role, v.Token.Note)
	case Revoke:
		c.id(v.Token)
	case PutUser:
		c.id(v.User.Name)
		c.text(v.User.Role, v.User.Project)
	case DropUser:
		c.id(v.Name)
	case RevokeCertificate:
		c.id(v.Serial)
		c.text(v.Note)
	case Audit:
		c.text(v.Verb, v.Subject, v.Outcome)
	case Raise:
		c.that(v.Level >= 1 && v.Level <= math.MaxInt32, "level %d", v.Level)
	}
}

// id checks the name of a thing.
func (c *checker) id(s string) {
	c.that(s != "", "a thing without a name")
	c.text(s)
}

func (c *checker) text(list ...string) {
	for _, s := range list {
		c.that(len(s) <= MaxText && utf8.ValidString(s), "text of %d bytes, at most %d of UTF-8", len(s), MaxText)
	}
}

func (c *checker) count(what string, n, limit int) {
	c.that(n <= limit, "%d %s, at most %d", n, what, limit)
}

// cached checks keys of data, which are sorted so that a set has one encoding.
func (c *checker) cached(keys []api.Key) {
	c.count("cached data sets", len(keys), MaxCached)
	for i := 1; i < len(keys); i++ {
		c.that(keys[i-1].Compare(keys[i]) < 0, "cached data sets are not sorted, or one is there twice")
	}
}

func (c *checker) progress(list []Progress) {
	c.count("tasks of which it says how far they were", len(list), MaxProgress)
	for _, p := range list {
		c.text(p.Words)
		c.that(len(p.Words) <= MaxWords, "%d bytes of last words, at most %d", len(p.Words), MaxWords)
	}
}

func (c *checker) parts(parts []Part) {
	c.that(len(parts) >= 1 && len(parts) <= MaxParts, "a gang over %d workers, want 1 to %d", len(parts), MaxParts)
	for i, p := range parts {
		c.id(p.Worker)
		c.that(p.Slots >= 1 && p.Slots <= MaxSlots, "%d slots of %s, want 1 to %d", p.Slots, p.Worker, MaxSlots)
		c.that(i == 0 || parts[i-1].Worker < p.Worker, "the workers of a gang are not sorted, or one is there twice")
	}
}
