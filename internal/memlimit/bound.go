package memlimit

import (
	"os"
	"runtime/debug"
	"runtime/metrics"
)

// Bound has Go's collector keep its heap within what is left now, so that garbage is
// collected where it would otherwise end the process. It is called when much was taken
// beside the heap, or given back. A GOMEMLIMIT of the user's stands.
func Bound() {
	if os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	if left, known := Now(); known {
		debug.SetMemoryLimit(boundOf(goBytes(), left.Bytes))
	}
}

// boundOf leaves an eighth of what is left to what is not Go's heap, such as stacks of
// threads and files that are read.
func boundOf(taken, left int64) int64 { return taken + left - left/8 }

// goBytes is the memory that Go's runtime has of the system.
func goBytes() int64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return int64(s[0].Value.Uint64()) - int64(s[1].Value.Uint64())
}
