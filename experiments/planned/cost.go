package planned

import (
	"fmt"

	"g2c/experiments/spec"
)

// Cost is the price of a plan at the spec's rates: what is done at what it took, what is
// left at its expected time on one slot, without energy, which nobody knows before.
type Cost struct {
	spec.Cost
	Done float64 `json:"done"`
	Left float64 `json:"left"` // of tasks whose time is known
}

// add prices a task whose time is known.
func (c *Cost) add(t *Task, used Used) {
	hours := *t.Seconds / 3600
	if t.State == Done && used.DeviceSeconds > 0 {
		hours = used.DeviceSeconds / 3600
	}
	price := c.Of(hours, used.Joules)
	t.Price = &price
	if t.State == Done {
		c.Done += price
	} else {
		c.Left += price
	}
}

// String is the cost as a sentence.
func (c *Cost) String() string {
	return fmt.Sprintf("Price: %.2f %s for what is done, about %.2f %s for what is left and timed, at %g %s a device hour.", c.Done, c.Currency, c.Left, c.Currency, c.DeviceHour, c.Currency)
}
