package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// stopOnHangup makes the closing of its terminal stop a verb as Ctrl-C does: at the next
// step, with its state saved. A hangup comes from the terminal and from the shell, so a
// second one is none too many. What was started by nohup goes on.
func stopOnHangup(c *cobra.Command) (done func()) {
	if signal.Ignored(syscall.SIGHUP) {
		return func() {}
	}
	ctx, cancel := context.WithCancel(c.Context())
	c.SetContext(ctx)
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-hangup:
			say("the terminal was closed: stopping at the next step and saving")
			cancel()
		case <-ctx.Done():
		}
	}()
	return func() {
		cancel()
		<-ended
		signal.Stop(hangup)
	}
}
