package kernels

// Device runs programs. Its methods may be called from one goroutine at a time.
type Device interface {
	// Class is the numerics class, such as cpu-2: equal classes give equal bits.
	Class() string
	// NewState allocates zeroed memory for slots.
	NewState(spec *StateSpec) (State, error)
	// Load plans the arena of a program and prepares its kernels over a state of
	// this device. Loading allocates; running does not.
	Load(p *Program, s State) (Exec, error)
	// Close frees the device and everything made by it.
	Close() error
}

// Sized is a device with memory of its own.
type Sized interface {
	// Memory is all of it, in bytes.
	Memory() (int64, error)
}

// State is memory that outlives a step. Names are slots or whole groups; counts
// of elements must match. Reals are converted to and from the device's own type.
// A call waits for work that reads or writes the slot.
type State interface {
	Spec() *StateSpec
	PutF32(name string, src []float32) error
	PutF64(name string, src []float64) error
	PutI32(name string, src []int32) error
	PutU8(name string, src []uint8) error
	GetF32(name string, dst []float32) error
	GetF64(name string, dst []float64) error
	GetI32(name string, dst []int32) error
	GetU8(name string, dst []uint8) error
	Close() error
}

// Exec is a program made ready on a device.
type Exec interface {
	// Program is what runs: what was loaded, as the device's rewrites left it.
	Program() *Program
	// Run runs every segment.
	Run() error
	// RunSegment runs one segment.
	RunSegment(i int) error
	// RunInstr runs one instruction, for lockstep checks, timing per operation
	// and for finding the operation that made a NaN.
	RunInstr(i int) error
	// GetValue and PutValue read and write any value. A temporary's memory holds
	// it only from its definition to its last use.
	GetValue(id int, dst []float64) error
	PutValue(id int, src []float64) error
	Memory() MemoryUse
	Close() error
}

// Guarded is an Exec that looks at losses itself, so that an update need not wait until
// the host has read them.
type Guarded interface {
	Exec
	// RunGuarded runs a segment. If one of these slots of reals is not finite, or was in an
	// earlier call over the same State, optimizers and running statistics leave what they
	// would write as it is.
	RunGuarded(i int, losses []string) error
}

// Snapshotter is a State that copies slots while later work runs.
type Snapshotter interface {
	State
	// Snapshot begins to copy slots or groups of reals, as all work so far leaves them. wait
	// fills dst, which has as many elements as names say; it may be called once, from any
	// goroutine, before the State is closed. Work that writes the slots waits for the copy.
	Snapshot(names []string, dst [][]float32) (wait func() error, err error)
}

// Snapshot copies slots or groups: in the background where the State can, and at once
// where it cannot. Until wait has returned nil, dst may hold anything.
func Snapshot(s State, names []string, dst [][]float32) (wait func() error, err error) {
	if can, ok := s.(Snapshotter); ok {
		return can.Snapshot(names, dst)
	}
	for i, name := range names {
		if err := s.GetF32(name, dst[i]); err != nil {
			return nil, err
		}
	}
	return func() error { return nil }, nil
}

// MemoryUse is what an Exec occupies beside its State, in bytes.
type MemoryUse struct {
	Arena     int64 // temporaries, planned
	Workspace int64 // scratch of kernels, and packed weights and tables where they are not Own
	Own       int64 // packed weights and tables that other programs of the State have no use for
	Sum       int64 // all temporaries side by side, had nothing been planned
	// Shared says that all programs of a State take turns in one arena and one workspace:
	// the largest count once.
	Shared bool
}
