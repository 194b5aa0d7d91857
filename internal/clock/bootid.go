package clock

import (
	"os"
	"strings"
)

// BootID tells one start of this machine from another: two processes that have the same
// one ran on a machine that did not go down between. It is empty where the system does
// not say.
func BootID() string {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}
