package cpu

import (
	"fmt"
	"runtime"

	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/host"
	"g2c/kernels/rewrite"
)

// Options choose how a device works. The zero value is right for most.
type Options struct {
	// Threads is the number of goroutines that compute, the caller among them; 0 is
	// one for each processor that Go may use. No bit depends on it.
	Threads int
	// ISA forces an instruction set; empty is Auto. An instruction set that this
	// machine lacks is an error.
	ISA ISA
	// Rewrites are applied to each program that is loaded. No bit depends on them.
	Rewrites []rewrite.Rule
}

// Device runs programs in float32 on this machine's processors.
type Device struct {
	isa      ISA
	micro    []microKernel
	narrow   []microKernel // for results of few channels: see planar
	pass     passSet
	winograd []winogradKernels // widest first; none where convolutions are all direct
	team     *team
	members  []workspace
	rewrites []rewrite.Rule
}

// maxThreads bounds the team; a task counts its members in 16 bits.
const maxThreads = 1024

// New makes a device and starts its goroutines; Close ends them.
func New(o Options) (*Device, error) {
	isa, err := resolve(o.ISA)
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "cpu: %w", err)
	}
	n := o.Threads
	if n == 0 {
		n = min(runtime.GOMAXPROCS(0), maxThreads)
	}
	if n < 1 || n > maxThreads {
		return nil, fault.New(fault.ErrSpec, "cpu: %d threads, want 1 to %d", n, maxThreads)
	}
	return &Device{
		isa: isa, micro: microKernels(isa), narrow: narrowKernels(isa), pass: passes(isa), winograd: winogradSets(isa),
		team: newTeam(n), members: make([]workspace, n), rewrites: o.Rewrites,
	}, nil
}

// ISA is the instruction set in use.
func (d *Device) ISA() ISA { return d.isa }

// Threads is the number of goroutines that compute.
func (d *Device) Threads() int { return d.team.members }

// Class implements kernels.Device.
func (d *Device) Class() string { return d.isa.class() }

// NewState implements kernels.Device.
func (d *Device) NewState(spec *kernels.StateSpec) (kernels.State, error) {
	return host.NewState[float32](spec)
}

// Open implements kernels.Opener.
func (d *Device) Open(spec *kernels.StateSpec, beside int64, programs ...*kernels.Program) (kernels.State, error) {
	return host.Open[float32](spec, beside, d.rewrite, programs...)
}

// Room implements kernels.Planner.
func (d *Device) Room(spec *kernels.StateSpec, programs ...*kernels.Program) (kernels.Room, error) {
	return host.Room[float32](spec, programs...), nil
}

func (d *Device) rewrite(p *kernels.Program) *kernels.Program { return rewrite.Apply(p, d.rewrites) }

// Load implements kernels.Device.
func (d *Device) Load(p *kernels.Program, s kernels.State) (kernels.Exec, error) {
	state, ok := s.(*host.State[float32])
	if !ok {
		return nil, fmt.Errorf("cpu: state %T was made by another device", s)
	}
	for _, v := range p.Values {
		if v.Type.DType == kernels.BF16 {
			return nil, fault.New(fault.ErrUnavailable, "cpu: program %s computes in bf16", p.Name).WithHint("set precision: fp32, or train on a GPU")
		}
	}
	return host.Load(p, state, d.table(), d.rewrite)
}

// Close implements kernels.Device. No program may run on the device any more.
func (d *Device) Close() error {
	d.team.close()
	return nil
}
