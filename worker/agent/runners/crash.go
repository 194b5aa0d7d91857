package runners

import "strings"

// crashes says whether a line is how Go's runtime, the C library or a sanitizer begins to
// say why a process ends.
func crashes(line string) bool {
	for _, prefix := range []string{"panic: ", "fatal error: ", "runtime: ", "SIGABRT", "SIGSEGV", "SIGBUS", "SIGFPE", "SIGILL", "terminate called", "double free", "corrupted "} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}
