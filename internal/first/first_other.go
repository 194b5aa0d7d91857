//go:build !linux

package first

// Is says whether this is the first process: there are no containers here.
func Is() bool { return false }

// Run is for first processes.
func Run() (code int, err error) { panic("first: this is not the first process") }
