package raftnode_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// Reads of three nodes in one process, by some callers at once, and while others write.
func BenchmarkRead(b *testing.B) {
	for _, load := range []struct{ readers, writers int }{{1, 0}, {64, 0}, {1, 64}, {64, 64}} {
		b.Run(fmt.Sprintf("readers=%d/writers=%d", load.readers, load.writers), func(b *testing.B) {
			c := newCluster(b)
			c.found("c1", "c2", "c3")
			c.write(0)
			n := c.leader()
			var stop atomic.Bool
			var writers, readers sync.WaitGroup
			for i := range load.writers {
				writers.Go(func() {
					for j := i + 1; !stop.Load(); j += load.writers {
						if _, err := n.Propose(b.Context(), setProject(j%500)); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			var left atomic.Int64
			left.Store(int64(b.N))
			b.ResetTimer()
			for range load.readers {
				readers.Go(func() {
					for left.Add(-1) >= 0 {
						if _, err := n.Read(b.Context()); err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			readers.Wait()
			b.StopTimer()
			stop.Store(true)
			writers.Wait()
		})
	}
}
