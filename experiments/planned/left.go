package planned

import (
	"time"

	"g2c/api"
	"g2c/experiments/sweep"
)

// Load is what a task takes, in any unit that is the same for all tasks: operations. Its
// first steps may take another amount each than the others (frozen generators).
type Load struct {
	Steps, First   int64   // of the whole task, and of them the first
	Cost, CostFrom float64 // of each of the first steps, and of each from there on
}

// after is what so many steps take.
func (l Load) after(steps int64) float64 {
	first := min(steps, l.First)
	return float64(float64(first)*l.Cost) + float64(float64(steps-first)*l.CostFrom)
}

// Whole is what the whole task takes.
func (l Load) Whole() float64 { return l.after(l.Steps) }

// Left estimates how long a run still takes, as it goes on. A task that is not done takes
// its load at the speed of tasks of its shape; where none was seen yet, at the mean speed
// of all that were. It belongs to one goroutine.
type Left struct {
	plan   *sweep.Plan
	loads  map[api.Key]Load
	shapes map[api.Key]string
	slots  int
	done   map[api.Key]bool
	at     map[api.Key]int64 // steps done, of tasks that are not
	since  map[api.Key]mark
	seen   map[string]speed // by shape
	all    speed
}

// mark is where a task was when it was first seen.
type mark struct {
	steps int64
	when  time.Time
	// counted is what of it the speeds know already.
	counted speed
}

// speed is what was done in some time.
type speed struct{ load, seconds float64 }

func (s speed) plus(o speed) speed { return speed{s.load + o.load, s.seconds + o.seconds} }

func (s speed) less(o speed) speed { return speed{s.load - o.load, s.seconds - o.seconds} }

// leastSeen is the time below which a speed is no speed, in seconds.
const leastSeen = 0.5

// NewLeft begins an estimate of a plan on so many slots, of which a task takes one. What
// is done, and how long it took, is known; a task without a load is a task of unknown time.
func NewLeft(p *sweep.Plan, known Known, loads map[api.Key]Load, slots int) *Left {
	l := &Left{
		plan: p, loads: loads, slots: max(slots, 1), shapes: map[api.Key]string{}, done: map[api.Key]bool{},
		at: map[api.Key]int64{}, since: map[api.Key]mark{}, seen: map[string]speed{},
	}
	for _, item := range p.Items {
		l.shapes[item.Key] = Shape(item.Task)
		if known.state(item.Key) != Done {
			continue
		}
		l.done[item.Key] = true
		if seconds, ok := known.Seconds[item.Key]; ok {
			l.saw(item.Key, speed{loads[item.Key].Whole(), seconds})
		}
	}
	return l
}

func (l *Left) saw(key api.Key, s speed) {
	if s.load > 0 {
		l.seen[l.shapes[key]] = l.seen[l.shapes[key]].plus(s)
		l.all = l.all.plus(s)
	}
}

// Step hears of a task that has done so many steps.
func (l *Left) Step(key api.Key, steps int64, now time.Time) {
	m, ok := l.since[key]
	if !ok || steps < l.at[key] { // it began, or began anew
		l.since[key] = mark{steps: steps, when: now}
		l.at[key] = steps
		return
	}
	l.at[key] = steps
	load := l.loads[key]
	whole := speed{load.after(steps) - load.after(m.steps), now.Sub(m.when).Seconds()}
	if whole.seconds < leastSeen {
		return
	}
	l.saw(key, whole.less(m.counted))
	m.counted = whole
	l.since[key] = m
}

// Done hears that a task is done.
func (l *Left) Done(key api.Key) { l.done[key] = true }

// Estimate is the time that the tasks take which are not done, side by side where there are
// slots, and never less than a task and what it needs take one after another. least says
// that it does not hold all of them: the time of some is not known. ok is false where
// nothing is known.
func (l *Left) Estimate() (left time.Duration, least, ok bool) {
	sum, longest := 0.0, 0.0
	ends := map[api.Key]float64{}
	for _, item := range l.plan.Items { // inputs come before what needs them
		begins := 0.0
		needs, _ := l.plan.Needs(item)
		for _, in := range needs {
			begins = max(begins, ends[in.Key])
		}
		seconds, known := l.seconds(item.Key)
		ends[item.Key] = begins + seconds
		longest = max(longest, ends[item.Key])
		sum += seconds
		least = least || !known
		ok = ok || known && !l.done[item.Key]
	}
	seconds := max(sum/float64(l.slots), longest)
	if !ok || !(seconds < maxLeft.Seconds()) {
		return 0, least, false
	}
	return time.Duration(seconds * float64(time.Second)), least, true
}

// maxLeft is more than anybody waits: a speed that is next to none says nothing.
const maxLeft = 10000 * time.Hour

// seconds is what a task still takes.
func (l *Left) seconds(key api.Key) (seconds float64, known bool) {
	if l.done[key] {
		return 0, true
	}
	load, ok := l.loads[key]
	s := l.seen[l.shapes[key]]
	if s.seconds <= 0 || s.load <= 0 {
		s = l.all
	}
	if !ok || s.seconds <= 0 || s.load <= 0 {
		return 0, false
	}
	return (load.Whole() - load.after(l.at[key])) / (s.load / s.seconds), true
}
