package main

import (
	"cmp"
	"slices"
	"time"

	"g2c/api"
	"g2c/experiments/planned"
	"g2c/experiments/sweep"
	"g2c/internal/fault"
	"g2c/kernels"
	"g2c/worker/train"
)

// measureTime is how long steps are timed: a kind of task whose turn comes later is
// estimated.
const measureTime = 20 * time.Second

// measure times a step of each kind of task whose time nothing tells, and says in known what
// tasks take by that.
func (e *experiment) measure(device string, known *planned.Known) error {
	devices, err := openDevices(device)
	if err != nil {
		return err
	}
	defer closeDevices(devices)
	loads, err := loadsOf(e.plan, known.Steps)
	if err != nil {
		return err
	}
	m := measuring{device: devices[0], loads: loads, step: map[string]float64{}, now: time.Now}
	if err := m.time(e.plan, known); err != nil {
		return fault.New(fault.ErrTraining, "time a step: %w", err)
	}
	m.tell(e.plan, known)
	say("note: times marked %q are of %s timed on this device (%s) in %v; those marked %q of operations, at the mean speed of these. Saving, validation and other programs come on top",
		planned.Timed, plural(len(m.step), "step"), devices[0].Class(), m.took.Round(100*time.Millisecond), planned.Estimate)
	return nil
}

// measuring is how fast a device is.
type measuring struct {
	device kernels.Device
	loads  map[api.Key]planned.Load
	step   map[string]float64 // seconds of a step, or of an image, by shape
	all    struct{ load, seconds float64 }
	took   time.Duration
	now    func() time.Time
}

// time times a step of each shape of which no task is done, the longest tasks first.
func (m *measuring) time(p *sweep.Plan, known *planned.Known) error {
	var first []*sweep.Item // of each shape
	seen := map[string]bool{}
	for _, item := range p.Items {
		if _, ok := known.Seconds[item.Key]; ok {
			seen[planned.Shape(item.Task)] = true
		}
	}
	for _, item := range p.Items {
		if shape := planned.Shape(item.Task); item.Task.Kind != api.KindStain && !seen[shape] && known.State[item.Key] != planned.Done {
			seen[shape] = true
			first = append(first, item)
		}
	}
	slices.SortStableFunc(first, func(a, b *sweep.Item) int { return cmp.Compare(m.loads[b.Key].Whole(), m.loads[a.Key].Whole()) })
	begun := m.now()
	for _, item := range first {
		if m.took = m.now().Sub(begun); m.took > measureTime {
			break
		}
		d, err := train.TimeStep(m.device, item.Task, m.now)
		if err != nil {
			return err
		}
		m.step[planned.Shape(item.Task)] = d.Seconds()
		m.all.load += m.loads[item.Key].CostFrom
		m.all.seconds += d.Seconds()
	}
	m.took = m.now().Sub(begun)
	return nil
}

// tell says what tasks take.
func (m *measuring) tell(p *sweep.Plan, known *planned.Known) {
	known.Timed, known.Estimate = map[api.Key]float64{}, map[api.Key]float64{}
	for _, item := range p.Items {
		load := m.loads[item.Key]
		if load.CostFrom <= 0 {
			continue
		}
		if step, ok := m.step[planned.Shape(item.Task)]; ok {
			known.Timed[item.Key] = load.Whole() / load.CostFrom * step
		} else if m.all.load > 0 {
			known.Estimate[item.Key] = load.Whole() * m.all.seconds / m.all.load
		}
	}
}
