package train

import (
	"errors"
	"math"
	"testing"
	"time"

	"g2c/internal/energy"
	"g2c/kernels"
	"g2c/model/results"
)

// counter is a meter that a test moves; every one begins at zero.
type counter struct {
	joules *float64
	from   float64
	err    *error
}

func (c counter) Joules() (float64, error) { return *c.joules - c.from, *c.err }
func (c counter) Name() string             { return "test" }

type card struct {
	kernels.Device
	n int
}

// Seconds of slots are counted as slots come and go, energy from where it began, over
// changes of devices, and earlier attempts are added.
func TestBill(t *testing.T) {
	at, joules, broken := time.Unix(100, 0), 7.0, error(nil)
	pass := func(d time.Duration, j float64) { at = at.Add(d); joules += j }
	opt := Options{
		Device: card{n: 1}, Now: func() time.Time { return at },
		Energy: func([]kernels.Device) energy.Meter { return counter{&joules, joules, &broken} },
	}
	check := func(what string, got results.Timing, seconds, devices, want float64) {
		t.Helper()
		j := math.NaN()
		if got.Joules != nil {
			j = *got.Joules
		}
		if !(got.Seconds == seconds) || !(got.DeviceSeconds == devices) || !(j == want || math.IsNaN(j) && math.IsNaN(want)) {
			t.Errorf("%s: %v s, %v of devices, %v J; want %v, %v, %v", what, got.Seconds, got.DeviceSeconds, j, seconds, devices, want)
		}
	}
	none := math.NaN()
	b := newBill(opt)
	pass(10*time.Second, 100)
	b.use(4, []kernels.Device{card{n: 1}, card{n: 2}})
	pass(5*time.Second, 200)
	first := b.total(results.Timing{})
	check("one, then four slots", first, 15, 30, 300)
	pass(time.Second, 10)
	b.use(4, []kernels.Device{card{n: 1}, card{n: 2}})
	check("the same again", b.total(results.Timing{}), 16, 34, 310)
	b = newBill(opt)
	pass(2*time.Second, 5)
	check("with an earlier attempt", b.total(first), 17, 32, 305)
	b.use(2, nil)
	pass(time.Second, 5)
	check("with another machine", b.total(first), 18, 34, none)
	b.use(1, opt.devices())
	check("after that", b.total(first), 18, 34, none)
	b = newBill(opt)
	pass(time.Second, 1)
	check("an older record", b.total(results.Timing{Seconds: 50}), 51, 0, none)
	broken = errors.New("gone")
	check("a counter that fails", b.total(results.Timing{}), 1, 1, none)
	broken = nil
	later := opt
	later.Resize = func(int) ([]kernels.Device, error) { return nil, nil }
	b = newBill(later)
	pass(time.Second, 1000) // not of this training: it has no devices yet
	b.use(1, opt.devices())
	pass(40*time.Second, 3)
	b.read()
	check("devices that come later", b.total(results.Timing{}), 41, 41, 3)
	b = newBill(Options{Device: card{}, Now: opt.Now})
	pass(time.Second, 0)
	b.read()
	b.use(1, opt.devices())
	check("no counter", b.total(results.Timing{}), 1, 1, none)
}
