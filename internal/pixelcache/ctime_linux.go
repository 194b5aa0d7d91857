package pixelcache

import "syscall"

// changedAt is when a file's inode changed last, in nanoseconds.
func changedAt(st *syscall.Stat_t) int64 { return st.Ctim.Nano() }
