package scheduler

import "g2c/coordinator/state"

// Policy is what a cluster wants of its scheduler. Times are milliseconds; a
// negative one means never.
type Policy struct {
	// PatienceMS is how long a gang may be overtaken by smaller ones. Then the
	// slots that it could use are reserved for it as they fall free.
	PatienceMS int64
	// ReserveAheadMS is how long reserved slots may lie idle: nothing is reserved for
	// a gang whose start is expected later than that, or than a quarter of what it
	// has waited already, so that nobody waits for ever.
	ReserveAheadMS int64
	// PreemptAfterMS is how long a task waits before others are stopped for it: of
	// its project, those of lower priority; of others, what they have above their
	// fair share.
	PreemptAfterMS int64
	// GraceMS is how long a task that was asked to save and stop may take, and a
	// worker to release what it was told to.
	GraceMS int64
	// GrowAfterMS is how long a gang runs as it was placed before idle slots join it:
	// a new generation costs it a step.
	GrowAfterMS int64
	// DwellMS is the least time between two changes of a gang that nobody has to
	// have, and how long a task may run whose project has less than a slot for its
	// share before the next project has its turn.
	DwellMS int64
	// LateGain is by how many per cent of its length a gang's step has to be shorter
	// without a member that the others wait for: then the gang goes on without it. A
	// negative one means that they wait.
	LateGain int
	// MaxResizes bounds the gangs that grow in one plan.
	MaxResizes int
	// Span says that a gang may be on several workers, as it may from the level of gangs
	// on. Slots are reserved on one worker all the same, if there is one that is large
	// enough.
	Span bool
}

// DefaultPolicy suits a cluster whose tasks take minutes to hours.
func DefaultPolicy() Policy {
	return Policy{
		PatienceMS: 600_000, ReserveAheadMS: 3600_000, PreemptAfterMS: 60_000, GraceMS: 120_000,
		GrowAfterMS: 60_000, DwellMS: 1800_000, MaxResizes: 64, LateGain: 20, Span: true,
	}
}

// LocalPolicy is that of g2c run, where every plan is made at the end of time:
// tasks are placed and never disturbed.
func LocalPolicy() Policy {
	return Policy{PatienceMS: -1, PreemptAfterMS: -1, GraceMS: -1, GrowAfterMS: -1, DwellMS: -1, LateGain: -1}
}

// Hints estimate what nobody knows before it is over. Within one plan the same
// question has the same answer.
type Hints interface {
	// Remaining is for how many milliseconds a task still runs: from now on if it
	// runs, from its start if it is pending. It reports false if nobody knows.
	Remaining(t *state.Task) (ms int64, ok bool)
	// Late lists members that gangs wait for, in an order that the same state has again.
	Late() []Late
	// Slow lists workers, sorted, that gangs waited for not long ago.
	Slow() []string
}

// over says whether something that began at a time has lasted as long as a
// policy's limit. A time that lies further ahead than the limit was set by a clock
// that ran ahead: it does not count, so that nothing lasts longer than twice its
// limit.
func over(limit, since, now int64) bool {
	return limit >= 0 && (now-since >= limit || since-now > limit)
}
