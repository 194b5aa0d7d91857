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
	Free      int64  // negative where it is not known
	Of        string // what has it; empty for the device
}

// Need is all of what is taken.
func (r Room) Need() int64 { return r.State + r.Arena + r.Workspace }

// Planner is a Device that says beforehand what it would take.
type Planner interface {
	Device
	// Room plans programs over a state, and allocates nothing.
	Room(spec *StateSpec, programs ...*Program) (Room, error)
}

// Opener is a Device that is told which programs will run over a State when it makes one: so
// they share an arena, and memory that is not there is found before it is taken.
type Opener interface {
	Device
	// Open is NewState. beside is what the caller is about to take of main memory itself, in
	// bytes. Programs that are nil are passed over.
	Open(spec *StateSpec, beside int64, programs ...*Program) (State, error)
}

// Open makes a State for programs, which are then loaded.
func Open(d Device, spec *StateSpec, beside int64, programs ...*Program) (State, error) {
	if o, ok := d.(Opener); ok {
		return o.Open(spec, beside, programs...)
	}
	return d.NewState(spec)
}
