//go:build !unix

package pixelcache

import (
	"io/fs"
	"os"
)

func maxOpen() int { return leastOpen }

func lockShared(*os.File) error { return nil }

func lockAlone(*os.File) bool { return true }

// identity is not known here: size and time tell a change.
func identity(fs.FileInfo) (changed int64, inode uint64) { return 0, 0 }

func diskBytes(string) int64 { return 0 }
