package runners

import (
	"os"
	"path"
	"strconv"
	"strings"
	"syscall"
)

// apart has a process die with the worker, even if it hangs, and hear no Ctrl-C of the
// terminal: the worker tells it what to do.
func apart() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}

// sooner is what is added to a runner's score, of a thousand: where memory runs out, the
// system ends it and not the worker.
const sooner = 500

// GoFirst has the system end this process before the worker where memory runs out. It can
// always be had, except where /proc is not mounted.
func GoFirst() error {
	const file = "/proc/self/oom_score_adj"
	b, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	now, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return err
	}
	return os.WriteFile(file, []byte(strconv.Itoa(min(now+sooner, 1000))), 0)
}

// memoryKills is how many processes of this one's control group (version 2) the system has
// ended for memory; false where it does not say.
func memoryKills() (int, bool) {
	b, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return 0, false
	}
	for line := range strings.Lines(string(b)) {
		group, ok := strings.CutPrefix(strings.TrimSpace(line), "0::")
		if !ok {
			continue
		}
		events, err := os.ReadFile(path.Join("/sys/fs/cgroup", group, "memory.events"))
		if err != nil {
			return 0, false
		}
		return killsIn(string(events))
	}
	return 0, false
}
