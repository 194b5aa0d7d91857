package kernels

import "errors"

// ErrMemory is in the error of a device that has no room for a state or a program.
var ErrMemory = errors.New("no room")

// Room is what a state and programs over it take on a device, and what the device has,
// in bytes.
type Room struct {
	State     int64
	Arena     int64 // of the largest program
	Workspace int64
	Free      int64
}

// Need is all of what is taken.
func (r Room) Need() int64 { return r.State + r.Arena + r.Workspace }

// Planner is a Device with memory of its own that says beforehand what it would take.
type Planner interface {
	Device
	// Room plans programs over a state, and allocates nothing.
	Room(spec *StateSpec, programs ...*Program) (Room, error)
}
