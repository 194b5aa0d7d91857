package pixelcache

import (
	"io/fs"
	"time"
)

// Limits of the files kept open.
const (
	leastOpen = 8
	mostOpen  = 4096
)

// Stat is what tells a file that may have changed from one that has not.
type Stat struct {
	Size              int64
	Modified, Changed int64 // nanoseconds; of contents, of the inode
	Inode             uint64
}

// StatOf is that of a file.
func StatOf(info fs.FileInfo) Stat {
	changed, inode := identity(info)
	return Stat{Size: info.Size(), Modified: info.ModTime().UnixNano(), Changed: changed, Inode: inode}
}

// settled tells whether a change after now would show in the times.
func (s Stat) settled(now time.Time) bool {
	return max(s.Modified, s.Changed) < now.Add(-trustAfter).UnixNano()
}
