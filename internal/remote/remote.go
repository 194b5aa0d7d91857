// Package remote is what reading images from another machine takes: files by address, as
// s3://BUCKET/KEY. It holds no protocol: whoever knows one implements Files.
package remote

import (
	"context"
	"strings"
	"time"
)

// File is a file on another machine, as a listing describes it.
type File struct {
	Address  string // as Files.List took it, with the options
	Place    string // the same however it is addressed, and no other file's
	Size     int64
	Modified time.Time
	Tag      string // another one when the contents are others
}

// Files reads from other machines. It may be used by many goroutines.
type Files interface {
	// List describes the files whose addresses begin with one, in order. The beginning is a
	// text, not a folder.
	List(ctx context.Context, begin string) ([]File, error)
	// Read reads a file. One that is not what it was when it was listed is an error.
	Read(ctx context.Context, f File) ([]byte, error)
}

// Is tells whether a path is an address.
func Is(path string) bool { return strings.Contains(path, "://") }

// Split parts an address from the options behind it, which begin with a question mark and
// have an equals sign: a question mark without one belongs to a pattern.
func Split(address string) (plain, options string) {
	i := strings.LastIndexByte(address, '?')
	if i < 0 || !strings.Contains(address[i:], "=") {
		return address, ""
	}
	return address[:i], address[i:]
}
