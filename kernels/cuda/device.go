//go:build gpu

package cuda

import (
	"errors"
	"fmt"
	"sync"

	"gorgonia.org/cu"

	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/kernels/cuda/driver"
)

// Count is the number of GPUs. Without a driver it is 0, and the error says so.
func Count() (int, error) {
	n, err := cu.NumDevices()
	if err != nil || n == 0 {
		return 0, fault.New(fault.ErrUnavailable, "no CUDA driver, or no GPU that it can use")
	}
	return n, nil
}

// Device is one GPU.
type Device struct {
	thread     *thread // everything but waiting beside it
	waiter     *thread // waits while the other hands over work
	processors int     // multiprocessors
	context    cu.CUContext
	module     cu.Module
	lanes      [lanes]lane
	functions  map[string]cu.Function
	name       string
	uuid       string // as NVML knows the card; empty if the driver does not say
	class      string
	sync       bool
	times      *opTimes // of operations that run one by one
	report     func([]OpTime)

	capability int    // ten times the compute capability
	tile       string // Options.Tile

	lock   sync.Mutex
	poison error
}

// Options choose how a device works. The zero value is right for training.
type Options struct {
	// Sync runs instruction by instruction, without graphs, and waits for each: an
	// error then names the operation that it came from.
	Sync bool
	// Report, if set, is told when the device is closed what each kind of operation took,
	// of those that ran one by one.
	Report func([]OpTime)
	// Tile names the tile that convolutions of bf16 use wherever it can serve, in
	// place of the table's: for tests, and for tuning.
	Tile string
}

// Open makes the n-th GPU ready: a context, the kernels, a stream.
func Open(n int, o Options) (*Device, error) {
	count, err := Count()
	if err != nil {
		return nil, err
	}
	if n < 0 || n >= count {
		return nil, fault.New(fault.ErrUnavailable, "there is no GPU %d, the driver knows %d", n, count)
	}
	d := &Device{thread: newThread(), waiter: newThread(), functions: map[string]cu.Function{}, sync: o.Sync, report: o.Report, tile: o.Tile}
	err = d.thread.do(func() error { return d.open(n) })
	if err == nil {
		err = d.waiter.do(func() error { return cu.SetCurrentContext(d.context) })
	}
	if err != nil {
		d.thread.end()
		d.waiter.end()
		return nil, fault.New(fault.ErrUnavailable, "GPU %d: %w", n, err)
	}
	return d, nil
}

func (d *Device) open(n int) error {
	gpu, err := cu.GetDevice(n)
	if err != nil {
		return err
	}
	if d.processors, err = gpu.Attribute(cu.MultiprocessorCount); err != nil {
		return err
	}
	if d.name, err = gpu.Name(); err != nil {
		return err
	}
	if uuid, err := gpu.UUID(); err == nil {
		d.uuid = "GPU-" + uuid.String()
	}
	major, minor, err := gpu.ComputeCapability()
	if err != nil {
		return err
	}
	d.capability = 10*major + minor
	if d.class, err = className(major, minor, cu.Version()); err != nil {
		return err
	}
	if d.context, err = gpu.MakeContext(cu.SchedAuto); err != nil {
		return err
	}
	if d.module, err = loadKernels(); err != nil {
		return err
	}
	for i := range d.lanes {
		if err := d.lanes[i].open(); err != nil {
			return err
		}
	}
	d.times, err = newOpTimes()
	return err
}

// oldest is the least compute capability that the image holds code for.
const oldest = 80

// className is the numerics class of a card. Cards of 8.x and 9.0 run machine code of
// the image; later ones run what their driver makes of its PTX, so that the driver is
// part of the class.
func className(major, minor, version int) (string, error) {
	capability := major*10 + minor
	switch {
	case capability < oldest:
		return "", fmt.Errorf("a card of compute capability %d.%d, %d.%d is needed", major, minor, oldest/10, oldest%10)
	case capability == 90:
		return "cuda-sm90a-1", nil
	case major > 8:
		return fmt.Sprintf("cuda-sm%d-1-driver%d.%d", capability, version/1000, version%1000/10), nil
	}
	return fmt.Sprintf("cuda-sm%d-1", capability), nil
}

// Name is what the card calls itself.
func (d *Device) Name() string { return d.name }

// UUID is the card's, as GPU-… and as NVML knows it; empty if the driver does not say.
func (d *Device) UUID() string { return d.uuid }

// Class implements kernels.Device.
func (d *Device) Class() string { return d.class }

// do runs f on the device's thread, unless the device is poisoned, and finds out
// whether f poisoned it.
func (d *Device) do(f func() error) error { return d.on(d.thread, f) }

// await is do for waiting beside the work that is handed over, from any goroutine.
func (d *Device) await(f func() error) error { return d.on(d.waiter, f) }

func (d *Device) on(t *thread, f func() error) error {
	if err := d.poisoned(); err != nil {
		return err
	}
	err := t.do(f)
	if err == nil {
		return nil
	}
	d.lock.Lock()
	defer d.lock.Unlock()
	if d.poison == nil && isPoison(err) {
		d.poison = fault.New(fault.ErrUnavailable, "%s is %w: %w", d.name, kernels.ErrLost, err).WithHint("start the process again; it goes on from its last checkpoint. If it comes again, --debug-sync names the operation")
	}
	if d.poison != nil {
		return d.poison
	}
	return err
}

func (d *Device) poisoned() error {
	d.lock.Lock()
	defer d.lock.Unlock()
	return d.poison
}

// isPoison says whether an error outlives the call that reported it.
func isPoison(err error) bool {
	return errors.Is(err, driver.Unavailable) || isAny(err,
		cu.IllegalAddress, cu.MisalignedAddress, cu.InvalidAddressSpace, cu.IllegalInstruction, cu.InvalidPc, cu.HardwareStackError, cu.Assert,
		cu.LaunchFailed, cu.LaunchTimeout, cu.EccUncorrectable, cu.NvlinkUncorrectable, cu.ContextIsDestroyed, cu.Unknown)
}

// isAny says whether an error is one of some results, as cu has it or package driver.
func isAny[R interface {
	~int
	error
}](err error, results ...R) bool {
	for _, r := range results {
		if errors.Is(err, r) || errors.Is(err, driver.Error(r)) {
			return true
		}
	}
	return false
}

// function finds a kernel by name.
func (d *Device) function(name string) (cu.Function, error) {
	if f, ok := d.functions[name]; ok {
		return f, nil
	}
	f, err := d.module.Function(name)
	if err != nil {
		return f, fmt.Errorf("kernel %s: %w", name, err)
	}
	d.functions[name] = f
	return f, nil
}

// allocate gives memory; what does not fit is said with its size.
func (d *Device) allocate(what string, bytes int64) (cu.DevicePtr, error) {
	if bytes == 0 {
		return 0, nil
	}
	p, err := cu.MemAlloc(bytes)
	if errors.Is(err, cu.OutOfMemory) {
		free, total, _ := cu.MemInfo()
		return 0, fault.New(fault.ErrUnavailable, "%s: %w for %s: %d MiB are needed, %d of %d MiB are free", d.name, kernels.ErrMemory, what, bytes>>20, free>>20, total>>20).
			WithHint("a smaller batch or size needs less")
	}
	return p, err
}

// Close implements kernels.Device. No program may run on the device any more.
func (d *Device) Close() error {
	if d.report != nil {
		d.report(d.times.list())
	}
	d.waiter.end()
	err := d.thread.do(d.context.Destroy)
	d.thread.end()
	if d.poisoned() != nil { // what is lost cannot be given back
		return nil
	}
	return err
}

// Memory implements kernels.Sized.
func (d *Device) Memory() (bytes int64, err error) {
	err = d.do(func() error {
		var err error
		_, bytes, err = cu.MemInfo()
		return err
	})
	return bytes, err
}

var (
	_ kernels.Device = (*Device)(nil)
	_ kernels.Sized  = (*Device)(nil)
)
