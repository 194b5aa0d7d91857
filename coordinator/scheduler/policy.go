package scheduler

// Policy is what a cluster wants of its scheduler. Times are milliseconds; a
// negative one means never.
type Policy struct {
	// PatienceMS is how long a gang may be overtaken by smaller ones. Then the
	// slots that it could use are kept for it as they fall free.
	PatienceMS int64
	// PreemptAfterMS is how long a task waits before others are stopped for it: of
	// its project, those of lower priority; of others, what they have above their
	// fair share.
	PreemptAfterMS int64
	// GraceMS is how long a task that was asked to save and stop may take.
	GraceMS int64
	// GrowAfterMS is how long a gang stays as it is before idle slots join it: a new
	// generation costs it a step.
	GrowAfterMS int64
	// MaxResizes bounds the gangs that grow in one plan.
	MaxResizes int
}

// DefaultPolicy suits a cluster whose tasks take minutes to hours.
func DefaultPolicy() Policy {
	return Policy{PatienceMS: 600_000, PreemptAfterMS: 60_000, GraceMS: 120_000, GrowAfterMS: 60_000, MaxResizes: 64}
}

// LocalPolicy is that of g2c run, where every plan is made at the end of time:
// tasks are placed and never disturbed.
func LocalPolicy() Policy {
	return Policy{PatienceMS: -1, PreemptAfterMS: -1, GraceMS: -1, GrowAfterMS: -1}
}

// over says whether something that began at a time has lasted as long as a
// policy's limit.
func over(limit, since, now int64) bool { return limit >= 0 && now-since >= limit }
