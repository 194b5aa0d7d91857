package train

import (
	"slices"
	"time"

	"g2c/internal/energy"
	"g2c/kernels"
	"g2c/model/results"
)

// readEvery is how often a counter of energy is read at least while steps are done: far more
// often than any runs over.
const readEvery = 30 * time.Second

// bill is what a training has cost since it began here. It belongs to the goroutine that
// trains.
type bill struct {
	now   func() time.Time
	meter func([]kernels.Device) energy.Meter
	began time.Time

	slots   int       // that train now
	since   time.Time // from when on
	seconds float64   // of slots, until then

	devices []kernels.Device // that the counter is of
	counter energy.Meter     // nil for none
	counted float64          // joules at the last reading, and of all counters before
	before  float64          // of these
	at      time.Time        // of the last reading
	blind   bool             // a part of the energy was not seen
	name    string           // of the last counter
}

// newBill begins with one slot, on the device of a training that nobody else takes part in.
func newBill(opt Options) *bill {
	b := &bill{now: opt.Now, meter: opt.Energy, slots: 1}
	b.began = b.now()
	b.since = b.began
	if b.meter == nil {
		b.blind = true
	} else if opt.Resize == nil {
		b.count(opt.devices())
	}
	return b
}

// use says that so many slots train from now on, and on which devices: nil where some are
// on another machine.
func (b *bill) use(slots int, devices []kernels.Device) {
	b.charge()
	b.slots = slots
	b.count(devices)
}

// charge adds what the slots have trained so far.
func (b *bill) charge() {
	now := b.now()
	b.seconds += float64(float64(b.slots) * now.Sub(b.since).Seconds())
	b.since = now
}

// count opens the counter of some devices, in place of that before.
func (b *bill) count(devices []kernels.Device) {
	if b.blind || slices.Equal(b.devices, devices) {
		return
	}
	b.look()
	b.before, b.devices = b.counted, devices
	if devices != nil {
		b.counter = b.meter(devices)
	}
	if b.blind = b.blind || devices == nil || b.counter == nil; b.blind {
		return
	}
	b.name = b.counter.Name()
	b.look()
}

// read reads the counter, if it is time.
func (b *bill) read() {
	if !b.blind && b.now().Sub(b.at) >= readEvery {
		b.look()
	}
}

func (b *bill) look() {
	if b.counter == nil || b.blind {
		return
	}
	b.at = b.now()
	j, err := b.counter.Joules()
	if err != nil {
		b.blind = true
		return
	}
	b.counted = b.before + j
}

// total is the cost with that of earlier attempts.
func (b *bill) total(before results.Timing) results.Timing {
	b.charge()
	b.look()
	t := results.Timing{Seconds: before.Seconds + b.now().Sub(b.began).Seconds()}
	if before.DeviceSeconds > 0 || before.Seconds == 0 { // an older record has none
		t.DeviceSeconds = before.DeviceSeconds + b.seconds
	}
	if !b.blind && b.counter != nil && (before.Joules != nil || before.Seconds == 0) {
		j := b.counted
		if before.Joules != nil {
			j += *before.Joules
		}
		t.Joules, t.Meter = &j, b.name
	}
	return t
}
