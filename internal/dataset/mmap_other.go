//go:build !unix

package dataset

import (
	"errors"
	"os"
)

// mapFile is not available here; the cache reads files instead.
func mapFile(*os.File, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func unmapFile([]byte) error { return nil }
