// Command g2c trains stain-translation GANs and the classifiers built on them, on
// one machine or a cluster. `g2c --help` lists its verbs; a file here is a verb.
// This is the only place that picks mechanisms (CUDA or CPU, S3 or directory) and
// reads flags and the environment.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"g2c/internal/fault"
	"g2c/internal/first"
)

func main() {
	if first.Is() {
		code, err := first.Run()
		if err != nil {
			say("g2c: %v", err)
			code = fault.ExitCode(fault.New(fault.ErrUnavailable, "%w", err))
		}
		os.Exit(code)
	}
	abortOnCrash()
	outliveStderr()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the program at once: nothing that is stored needs more.
	told := context.AfterFunc(ctx, func() {
		stop()
		say("stopping at the next step and saving; once more to stop at once")
	})
	err := stdout.settle(runVerb(ctx))
	told()
	stop()
	if err != nil {
		say("g2c: %v", err)
	}
	os.Exit(fault.ExitCode(err))
}
