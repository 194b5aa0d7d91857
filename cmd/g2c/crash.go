package main

import (
	"context"
	"os"
	"runtime/debug"
	"syscall"

	"g2c/api"
	"g2c/coordinator/local"
	"g2c/internal/fault"
)

// A crash must not end with 2, as Go programs do: that is a wrong spec. A panic where this
// program can meet it, in a verb or in a task, is an error of it, with exit code 1. What
// nobody can meet (a panic elsewhere, a fatal error of the runtime, a fault of the memory)
// ends by SIGABRT, which a shell shows as 134. A process that watches this one could give
// that another code; but then a signal, a kill -9 or a limit would meet the watcher, and
// what was killed would go on for a while beside what was started in its place.

// abortOnCrash makes the runtime end by a signal. It writes no core, which would be as
// large as the data, unless GOTRACEBACK=crash asks for one.
func abortOnCrash() {
	asked := os.Getenv("GOTRACEBACK") == "crash"
	debug.SetTraceback("crash")
	var limit syscall.Rlimit
	if asked || syscall.Getrlimit(syscall.RLIMIT_CORE, &limit) != nil {
		return
	}
	limit.Cur = 0
	_ = syscall.Setrlimit(syscall.RLIMIT_CORE, &limit) // if that fails there is a core
}

// crashed is the error of a panic, whose stack goes to standard error.
func crashed(what string, p any) error {
	say("panic: %v\n%s", p, debug.Stack())
	return fault.New(fault.ErrTraining, "%s crashed: %v", what, p).
		WithHint("this is a fault of g2c: report it with the lines above and the output of `g2c version`")
}

// runVerb runs the command line.
func runVerb(ctx context.Context) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = crashed("g2c", p)
		}
	}()
	return newRoot().ExecuteContext(ctx)
}

// guarded is a worker in which a task that panics fails alone.
type guarded struct{ local.Worker }

// Run implements local.Worker.
func (g guarded) Run(ctx context.Context, w api.Work, slots int) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = crashed("task "+w.Name(), p)
		}
	}()
	return g.Worker.Run(ctx, w, slots)
}
