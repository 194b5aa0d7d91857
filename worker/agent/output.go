package agent

import (
	"strings"
	"sync"
	"time"
)

// What a run may have waiting to be sent. What comes on top is lost, oldest first:
// logs and curves must never slow a training down.
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
	points   []Point
}

// NewOutput makes one that dates what is said with a clock, and calls wake when
// Started is said first.
func NewOutput(now func() time.Time, wake func()) *Output {
	return &Output{now: now, wake: wake, first: 1}
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
}

// news is what was said and not taken yet.
type news struct {
	progress *Progress
	first    uint64 // number of the first line
	lines    []Line
	points   []Point
}

// take returns what is new.
func (o *Output) take() news {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := news{first: o.first, lines: o.lines, points: o.points}
	if o.moved {
		p := o.progress
		if passed := o.now().Sub(o.since).Seconds(); passed > 0 {
			p.PerSecond = float64(p.Step-o.from.Step) / passed
		}
		n.progress = &p
	}
	o.first += uint64(len(o.lines))
	o.lines, o.points, o.moved = nil, nil, false
	return n
}
