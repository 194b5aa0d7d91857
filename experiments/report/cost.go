package report

import (
	"fmt"

	"g2c/api"
	"g2c/experiments/planned"
	"g2c/experiments/spec"
	"g2c/model/results"
)

// Cost is what trainings took, as far as it was recorded: of the generators of a shape, of
// an arm without its generators, or of everything, each task once.
type Cost struct {
	Name        string   `json:"name"`
	Tasks       int      `json:"tasks"`
	Seconds     float64  `json:"seconds"`            // in training loops
	DeviceHours float64  `json:"deviceHours"`        // of slots; of older records, which do not say it, those of one
	Joules      *float64 `json:"joules,omitempty"`   // null where a task's is not known
	Money       *float64 `json:"money,omitempty"`    // by the spec's rates
	Unknown     int      `json:"unknown,omitempty"`  // tasks of which nothing was recorded
	Currency    string   `json:"currency,omitempty"` // of Money
	Meters      []string `json:"meters,omitempty"`   // where Joules comes from

	seen   map[api.Key]bool
	blind  bool // the energy of a task is not known
	joules float64
}

// bill is costs as they are added up.
type bill struct {
	timings map[api.Key]*results.Timing // nil for what has no record
	rates   *spec.Cost
	rows    []*Cost
}

// add counts a task in the row of a name, and in none twice.
func (b *bill) add(name string, key api.Key) {
	var row *Cost
	for _, r := range b.rows {
		if r.Name == name {
			row = r
		}
	}
	if row == nil {
		row = &Cost{Name: name, seen: map[api.Key]bool{}}
		b.rows = append(b.rows, row)
	}
	if row.seen[key] {
		return
	}
	row.seen[key] = true
	row.Tasks++
	t := b.timings[key]
	if t == nil {
		row.Unknown++
		row.blind = true
		return
	}
	row.Seconds += t.Seconds
	if t.DeviceSeconds > 0 {
		row.DeviceHours += t.DeviceSeconds / 3600
	} else {
		row.DeviceHours += t.Seconds / 3600
	}
	if t.Joules == nil {
		row.blind = true
		return
	}
	row.joules += *t.Joules
	if len(row.Meters) == 0 || row.Meters[len(row.Meters)-1] != t.Meter {
		row.Meters = append(row.Meters, t.Meter)
	}
}

// list closes the bill: rows in the order in which they began, and the whole.
func (b *bill) list() []Cost {
	out := []Cost{}
	for _, r := range b.rows {
		if !r.blind {
			r.Joules = &r.joules
		} else {
			r.Meters = nil
		}
		if b.rates != nil {
			money := b.rates.Of(r.DeviceHours, r.Joules)
			r.Money, r.Currency = &money, b.rates.Currency
		}
		out = append(out, *r)
	}
	return out
}

// everything is the row of all tasks.
const everything = "everything, each task once"

// reckon makes the bill of a run.
func (d *Data) reckon(timings map[api.Key]*results.Timing) {
	b := &bill{timings: timings, rates: d.Run.Plan.Cost}
	for i := range d.Generators {
		g := &d.Generators[i]
		b.add("generators to "+g.Stain, g.Key)
	}
	for i := range d.Arms {
		a := &d.Arms[i]
		b.add(a.Task+", "+a.Arm, a.Key)
	}
	for i := range d.Generators {
		b.add(everything, d.Generators[i].Key)
	}
	for i := range d.Arms {
		b.add(everything, d.Arms[i].Key)
	}
	d.costs = b.list()
	for _, c := range d.costs { // older runs keep the bytes of their results
		if c.Joules != nil || c.Money != nil {
			d.Costs = d.costs
		}
	}
}

// CostRows are the costs for people.
func (p page) CostRows() []costView {
	var out []costView
	for _, c := range p.costs {
		v := costView{Name: c.Name, Tasks: c.Tasks, Time: planned.Duration(c.Seconds), DeviceHours: fmt.Sprintf("%.3f", c.DeviceHours), Energy: "–", Money: "–"}
		if c.Unknown > 0 {
			v.Time += fmt.Sprintf(" (%d unknown)", c.Unknown)
		}
		if c.Joules != nil {
			v.Energy = fmt.Sprintf("%.3f", spec.KWhOf(*c.Joules))
		}
		if c.Money != nil {
			v.Money = fmt.Sprintf("%.2f", *c.Money)
		}
		out = append(out, v)
	}
	return out
}

// costView is a row of the table of costs.
type costView struct {
	Name                             string
	Tasks                            int
	Time, DeviceHours, Energy, Money string
}

// CostNote says what the costs are reckoned with.
func (p page) CostNote() string {
	text := "A device hour is an hour of a slot. "
	if c := p.Run.Plan.Cost; c != nil {
		text += fmt.Sprintf("Prices: %g %s a device hour, %g %s a kilowatt hour (cost, in the spec). ", c.DeviceHour, c.Currency, c.KWh, c.Currency)
	}
	for _, c := range p.costs {
		if len(c.Meters) > 0 {
			return text + "Energy is what the counters of whole processors and cards said meanwhile (" + c.Meters[0] + "), whoever used them."
		}
	}
	return text + "No counter of energy could be read."
}
