package raftnode_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"g2c/coordinator/command"
	"g2c/coordinator/raftnode"
)

// Entries that are proposed together are applied in their order, over many batches
// and with others in between.
func TestProposeAllKeepsTheOrder(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	leader, err := c.start("c1", func(k *raftnode.Config) { k.Single = true }) // nobody to lose an election to
	must(t, err)
	c.leader()
	const count = 3000 // three batches at least
	var entries []command.Entry
	for i := range count {
		entries = append(entries, command.Entry{Principal: "together", Command: command.SetProject{Project: "p", Weight: i + 1}})
	}
	ctx, cancel := context.WithCancel(t.Context())
	others := make(chan error, 1)
	go func() {
		var err error
		for i := 0; err == nil && ctx.Err() == nil; i++ {
			_, err = leader.Propose(ctx, command.Entry{Command: command.SetProject{Project: fmt.Sprint(i), Weight: 1}})
		}
		others <- err
	}()
	results, err := leader.ProposeAll(t.Context(), entries)
	cancel()
	if err := <-others; err != nil && !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if err != nil || len(results) != count {
		t.Fatalf("%d results, %v", len(results), err)
	}
	for i, r := range results {
		if r.Err != nil || i > 0 && r.Index <= results[i-1].Index {
			t.Fatalf("entry %d has index %d, the one before %d: %v", i, r.Index, results[max(i-1, 0)].Index, r.Err)
		}
	}
}
