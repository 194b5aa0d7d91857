package runners

import (
	"strconv"
	"strings"
)

// killsIn reads how many processes a control group has lost to memory from its
// memory.events: lines of a name and a number.
func killsIn(events string) (int, bool) {
	for line := range strings.Lines(events) {
		if number, ok := strings.CutPrefix(line, "oom_kill "); ok {
			n, err := strconv.Atoi(strings.TrimSpace(number))
			return n, err == nil
		}
	}
	return 0, false
}

// memoryWatch remembers how many there were.
type memoryWatch struct {
	kills int
	known bool
}

func watchMemory() memoryWatch {
	n, ok := memoryKills()
	return memoryWatch{n, ok}
}

// verdict says what a kill by somebody else means, by what the control group has counted
// since: several may be killed at once, so it names no one.
func (m memoryWatch) verdict() string {
	n, ok := memoryKills()
	switch {
	case !m.known || !ok:
		return "nobody here killed it: the system has probably run out of memory"
	case n > m.kills:
		return "the system has run out of memory: its control group counts one more process that was ended for that"
	}
	return "nobody here killed it, and its control group counts none that was ended for memory: the machine may have run out of it"
}
