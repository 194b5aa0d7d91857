package g2c

import (
	"strings"

	"g2c/kernels"
	"g2c/model/graph"
	"g2c/model/nn"
)

// Several devices train one model: each computes a range of the shards, all as
// long, and adds up what it has by the part of the tree that lies over them. The
// program of a part does not know which range it is.

// OwnShards is the number of shards that the programs compute.
func (c Config) OwnShards() int {
	if c.Own == 0 {
		return c.Shards
	}
	return c.Own
}

// OwnBatch is the number of samples in them.
func (c Config) OwnBatch() int { return c.Batch / c.Shards * c.OwnShards() }

// Partial lists, for each segment of a training step but its update, the slots that
// hold sums over the own shards when it ends, in the order they are written: the
// update wants the sums over all.
func Partial(step *kernels.Program) [][]string {
	var buckets [][]string
	for _, s := range step.Segments {
		if s.Name == graph.UpdateSegment {
			break
		}
		var slots []string
		for _, in := range step.Instrs[s.From:s.To] {
			for _, id := range in.Out {
				if slot := step.Values[id].Slot; isPartial(slot) {
					slots = append(slots, slot)
				}
			}
		}
		buckets = append(buckets, slots)
	}
	return buckets
}

func isPartial(slot string) bool {
	return slot == Loss || strings.HasPrefix(slot, nn.GradPrefix) || strings.HasPrefix(slot, nn.SumsPrefix)
}
