package agent

// outbox holds the reports that nobody has answered yet, in order.
type outbox struct {
	reports []Report
	last    uint64 // number given
	index   uint64 // of the state with the newest answer of the session
}

func (o *outbox) empty() bool { return len(o.reports) == 0 }

func (o *outbox) add(r Report) {
	o.last++
	r.Number = o.last
	o.reports = append(o.reports, r)
}

// answered drops the report that was answered, and those before it: they are
// answered in order.
func (o *outbox) answered(a Answer) {
	for len(o.reports) > 0 && o.reports[0].Number <= a.Number {
		o.reports = o.reports[1:]
	}
	o.index = max(o.index, a.Index)
}

func (o *outbox) above(number uint64) []Report {
	for i, r := range o.reports {
		if r.Number > number {
			return o.reports[i:]
		}
	}
	return nil
}
