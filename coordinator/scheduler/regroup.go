package scheduler

import (
	"slices"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/state"
)

// Regroup is the command that has a generation of a task go on without some of its workers,
// on the word of another of them. It reports false if there is no such gang any more, if it
// would be too small, or is to stop anyway.
func Regroup(snapshot *state.Snapshot, task api.Key, generation uint64, by string, suspects []string) (command.Resize, bool) {
	t := snapshot.Task(task)
	if snapshot.Level() < api.LevelGangs || t == nil || t.Generation != generation || t.Preempting {
		return command.Resize{}, false
	}
	wish := snapshot.Charged(t)
	if wish == nil {
		return command.Resize{}, false
	}
	slots, member := 0, false
	rest := slices.DeleteFunc(slices.Clone(t.Parts), func(p command.Part) bool {
		member = member || p.Worker == by
		return p.Worker != by && slices.Contains(suspects, p.Worker)
	})
	for _, p := range rest {
		slots += p.Slots
	}
	if !member || len(rest) == len(t.Parts) || slots < wish.Gang.Min {
		return command.Resize{}, false
	}
	return command.Resize{Task: task, Generation: generation + 1, Parts: rest, Experiment: t.Charged}, true
}
