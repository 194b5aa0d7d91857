package command

import "g2c/api"

// Level is the newest level that this release reads and writes.
const Level = api.LevelSearch

// LevelOf is the lowest level that reads a command: that of its number, of the fields
// that are set, and of the works in it.
func LevelOf(c Command) int {
	if c == nil {
		return api.LevelFirst
	}
	level := c.level()
	if c, ok := c.(Submit); ok {
		for i := range c.Works {
			level = max(level, c.Works[i].Level())
		}
	}
	return level
}

// Level is the lowest level that reads the entry.
func (e Entry) Level() int { return max(LevelOf(e.Command), e.contentLevel()) }

func (e Entry) contentLevel() int {
	if e.Content != [32]byte{} {
		return api.LevelWishes
	}
	return api.LevelFirst
}
