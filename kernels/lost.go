package kernels

import "errors"

// ErrLost is in the error of a device that does no more in this process, and of all
// that is asked of it later. Another process may find it well.
var ErrLost = errors.New("lost to this process")
