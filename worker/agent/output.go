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
	wake func() // the worker's loop, to look at began and suspects

	mu       sync.Mutex
	began    uint64      // the newest generation that trains
	suspects *Suspicion  // not sent yet
	accused  *Suspicion  // the last that was said
	turns    []turnOfLog // when the generation changed, oldest first
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

// turnOfLog is where the lines of a generation begin.
type turnOfLog struct {
	generation uint64
	first      uint64 // number of its first line, of all lines
}

// NewOutput makes one that dates what is said with a clock, and calls wake when
// there is something that must not wait.
func NewOutput(now func() time.Time, wake func()) *Output {
	return &Output{now: now, wake: wake, first: 1, next: 1}
}

// Started says that the task trains as a generation, and does not just prepare to. What it
// had in those before it has left.
func (o *Output) Started(generation uint64) {
	o.mu.Lock()
	news := generation > o.began
	o.began = max(o.began, generation)
	o.mu.Unlock()
	if news {
		o.wake()
	}
}

// Suspect says that members of the gang do not answer, so that the coordinator lets it go
// on without them; or that they are waited for, which is said only if nothing worse is to be,
// and to no other leader: it is said again while it is so.
func (o *Output) Suspect(s Suspicion) {
	o.mu.Lock()
	switch {
	case s.Waited == 0:
		o.suspects, o.accused = &s, &s
	case o.suspects == nil || o.suspects.Waited > 0:
		o.suspects = &s
	}
	o.mu.Unlock()
	o.wake()
}

// Suspicion is what was said of members and not sent.
func (o *Output) Suspicion() *Suspicion {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.suspects
	o.suspects = nil
	return s
}

// Trains is the newest generation that the run trains as; 0 before the first.
func (o *Output) Trains() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.began
}

// is says as which generation lines are said from now on: each numbers its own from 1.
func (o *Output) is(generation uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if n := len(o.turns); n == 0 || o.turns[n-1].generation < generation {
		o.turns = append(o.turns, turnOfLog{generation, o.first + uint64(len(o.lines))})
	}
	for len(o.turns) > 1 && o.turns[1].first <= o.first { // nothing is left of what the first said
		o.turns = o.turns[1:]
	}
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
	said     []saying
	points   []Point
}

// saying is lines of one generation.
type saying struct {
	generation uint64
	first      uint64 // number of the first line, of the generation's
	lines      []Line
}

// take returns what is new, for the session to send.
func (o *Output) take() news {
	o.mu.Lock()
	defer o.mu.Unlock()
	var n news
	from, end := max(o.first, o.next), o.first+uint64(len(o.lines))
	for i, t := range o.turns {
		to := end
		if i+1 < len(o.turns) {
			to = o.turns[i+1].first
		}
		if at := max(from, t.first); at < to {
			n.said = append(n.said, saying{t.generation, at - t.first + 1, slices.Clone(o.lines[at-o.first : to-o.first])})
		}
	}
	n.points = slices.Clone(o.points[len(o.points)-o.unsent:])
	if o.moved {
		p := o.progress
		if passed := o.now().Sub(o.since).Seconds(); passed > 0 {
			p.PerSecond = float64(p.Step-o.from.Step) / passed
		}
		n.progress = &p
	}
	o.next, o.unsent, o.moved = end, 0, false
	return n
}

// Said is what a run has said and nobody has taken, to be said again to another Output.
type Said struct {
	Progress *Progress // nil if there is no other than before
	Lines    []string
	Points   []Point
}

// Take takes what was said since it was asked last. Of an Output it is this, or what
// sessions are sent.
func (o *Output) Take() Said {
	o.mu.Lock()
	defer o.mu.Unlock()
	said := Said{Points: slices.Clone(o.points[len(o.points)-o.unsent:])}
	for _, l := range o.lines[max(o.first, o.next)-o.first:] {
		said.Lines = append(said.Lines, l.Text)
	}
	if o.moved {
		p := o.progress
		said.Progress = &p
	}
	o.next, o.unsent, o.moved = o.first+uint64(len(o.lines)), 0, false
	return said
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
	o.suspects = o.accused
}
