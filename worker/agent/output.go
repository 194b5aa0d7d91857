package agent

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// What of a run is kept, to be sent and to be sent again to another leader. What comes
// on top pushes the oldest out: logs and curves must never slow a training down.
const (
	maxLines     = 1000 // the coordinator takes as many at once
	maxLineBytes = 4096
	maxPoints    = 1000
)

// Output is what a run says while it runs. Methods may be called from any
// goroutine and never wait.
type Output struct {
	now  func() time.Time
	wake func() // the worker's loop, to look at began

	mu       sync.Mutex
	began    bool
	progress Progress
	moved    bool // progress was not sent yet
	from     Progress
	since    time.Time // of from, the first that was said
	lines    []Line
	first    uint64 // number of lines[0]
	next     uint64 // number of the first line that was not sent
	points   []Point
	unsent   int // how many of the last points were not sent
}

// NewOutput makes one that dates what is said with a clock, and calls wake when
// Started is said first.
func NewOutput(now func() time.Time, wake func()) *Output {
	return &Output{now: now, wake: wake, first: 1, next: 1}
}

// Started says that the task trains, and does not just prepare to.
func (o *Output) Started() {
	o.mu.Lock()
	was := o.began
	o.began = true
	o.mu.Unlock()
	if !was {
		o.wake()
	}
}

func (o *Output) hasBegun() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.began
}

// Progress says where the task stands. The rate is computed here.
func (o *Output) Progress(p Progress) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() {
		o.from, o.since = p, o.now()
	}
	o.progress, o.moved = p, true
}

// Line writes text to the task's log, as one line or several.
func (o *Output) Line(text string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := o.now()
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		if len(line) > maxLineBytes {
			line = strings.ToValidUTF8(line[:maxLineBytes], "")
		}
		if len(o.lines) == maxLines {
			o.lines, o.first = o.lines[1:], o.first+1
		}
		o.lines = append(o.lines, Line{At: at, Text: line})
	}
}

// Point adds a value to one of the task's series.
func (o *Output) Point(name string, step int64, value float64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.points) == maxPoints {
		o.points = o.points[1:]
	}
	o.points = append(o.points, Point{name, step, value})
	o.unsent = min(o.unsent+1, maxPoints)
}

// news is what was said and not sent yet.
type news struct {
	progress *Progress
	first    uint64 // number of the first line
	lines    []Line
	points   []Point
}

// take returns what is new, for the session to send.
func (o *Output) take() news {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := news{first: max(o.first, o.next)}
	n.lines = slices.Clone(o.lines[n.first-o.first:])
	n.points = slices.Clone(o.points[len(o.points)-o.unsent:])
	if o.moved {
		p := o.progress
		if passed := o.now().Sub(o.since).Seconds(); passed > 0 {
			p.PerSecond = float64(p.Step-o.from.Step) / passed
		}
		n.progress = &p
	}
	o.next, o.unsent, o.moved = o.first+uint64(len(o.lines)), 0, false
	return n
}

// maxSayBytes bounds the lines of one message: the coordinator takes a few MiB.
const maxSayBytes = 256 << 10

// atOnce is how many of some lines fit one message.
func atOnce(lines []Line) int {
	bytes := 0
	for i, l := range lines {
		if bytes += len(l.Text); bytes > maxSayBytes && i > 0 {
			return i
		}
	}
	return len(lines)
}

// again has all that is kept count as new: another leader has not heard it.
func (o *Output) again() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next, o.unsent, o.moved = o.first, len(o.points), !o.since.IsZero()
}
