//go:build !unix

package atomicfile

import (
	"errors"
	"io/fs"
	"os"
)

// tryLock cannot lock here: Sweep goes by age.
var tryLock = func(*os.File) (bool, error) { return false, errors.ErrUnsupported }

// descriptor knows no paths of descriptors here.
func descriptor(string) (int, bool) { return 0, false }

// openDescriptor knows no paths of descriptors here.
func openDescriptor(string) (*os.File, bool) { return nil, false }

// keepOwner has nothing to do here.
func keepOwner(*os.File, fs.FileInfo) {}
