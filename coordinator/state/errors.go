package state

import "errors"

// Refusals of commands that do not fit the state.
var (
	// ErrUnknownTask is a task that was never submitted, or is forgotten.
	ErrUnknownTask = errors.New("no such task")
	// ErrUnknownExperiment is an experiment that was never submitted, or is forgotten.
	ErrUnknownExperiment = errors.New("no such experiment")
	// ErrUnknownWorker is a worker that never joined, or has left.
	ErrUnknownWorker = errors.New("no such worker")
	// ErrUnknownToken is a token that was never made.
	ErrUnknownToken = errors.New("no such token")
	// ErrUnknownProject is a project that nobody made, where no template makes it.
	ErrUnknownProject = errors.New("no such project")
	// ErrUnknownUser is a user who has no role.
	ErrUnknownUser = errors.New("no such user")
	// ErrExists is an id that is taken.
	ErrExists = errors.New("exists already")
	// ErrBadWork is a work that does not fit its key.
	ErrBadWork = errors.New("work does not fit its key")
	// ErrBadGang is a gang of more slots than can work on a task.
	ErrBadGang = errors.New("no gang for the task")
	// ErrNotPending is a task that cannot be placed since it does not wait.
	ErrNotPending = errors.New("task is not pending")
	// ErrNotRunning is a task that is neither placed nor running.
	ErrNotRunning = errors.New("task is not running")
	// ErrNotReady is a task whose inputs are not done.
	ErrNotReady = errors.New("inputs of the task are not done")
	// ErrNotWanted is a task whose experiments are all cancelled.
	ErrNotWanted = errors.New("no experiment wants the task")
	// ErrHeld is an experiment whose wishes take no slots until it is released.
	ErrHeld = errors.New("the experiment is held")
	// ErrStale is a generation or an incarnation that is not the current one.
	ErrStale = errors.New("stale generation or incarnation")
	// ErrNoSlots is a gang that does not fit the free slots or its own bounds.
	ErrNoSlots = errors.New("not as many slots")
	// ErrNoAddress is a worker that others of a gang cannot reach.
	ErrNoAddress = errors.New("worker has no address for the others of its gang")
	// ErrWrongClass is a worker that cannot run the task whatever is free.
	ErrWrongClass = errors.New("worker is of another class or too small")
	// ErrClosed is a worker that takes nothing new: lost, cordoned or draining.
	ErrClosed = errors.New("worker takes no tasks")
	// ErrQuota is a project that may not use more slots.
	ErrQuota = errors.New("quota of the project is used up")
	// ErrRequestReused is a request id that came before with another command.
	ErrRequestReused = errors.New("request id was used for another command")
	// ErrLimit is one thing more than the state holds, or one that is too large for it.
	ErrLimit = errors.New("too many")
)

// Refusals of snapshots.
var (
	// ErrCorrupt is a snapshot that is damaged, or was never one.
	ErrCorrupt = errors.New("corrupt snapshot")
	// ErrNewer is a snapshot of a newer release than this one.
	ErrNewer = errors.New("snapshot of a newer release")
)
