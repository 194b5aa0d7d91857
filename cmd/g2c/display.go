package main

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rivo/uniseg"

	"g2c/api"
	"g2c/coordinator/state"
	"g2c/experiments/planned"
	"g2c/worker/train"
)

const (
	// plainEvery is how often progress is printed where there is no terminal.
	plainEvery = 5 * time.Second
	// drawEvery is how often it is drawn where there is one.
	drawEvery = 100 * time.Millisecond
	// leastBar is the narrowest bar that is worth its cells.
	leastBar = 8
)

// progress is how far a long work is.
type progress struct {
	name        string // of the work; another name is another work, and counts anew
	done, total int64  // total is zero where nobody knows it
	unit        string // what is counted, in the singular: step, image
	note        string // what else there is to say
	// each is how many things one of done stands for, and things what the rate counts. Zero
	// counts done itself.
	each   int
	things string
	// part says that the work is a part of a run, whose time left stands in place of its own.
	part bool
	left string // of the run; empty where it is not known yet
}

// display shows progress with rate and time left: a line that is drawn over on a terminal,
// plain lines every few seconds elsewhere. It may be called from several goroutines.
type display struct {
	mu       sync.Mutex
	terminal bool
	key      api.Key // of the task that is shown
	name     string
	began    time.Time
	first    int64 // what was done when began was taken
	shown    time.Time
	status   map[api.Key]state.Status
	left     *planned.Left // of a run; nil elsewhere
	live     *liveRun      // of a run
}

func newDisplay() *display {
	return &display{terminal: onTerminal(), status: map[api.Key]state.Status{}}
}

// newRunDisplay shows a run, with the time that is left of all of it, and tells its page.
func newRunDisplay(left *planned.Left, page *liveRun) *display {
	d := newDisplay()
	d.left, d.live = left, page
	page.start(d.timeLeft)
	return d
}

// timeLeft is the time that is left of the run.
func (d *display) timeLeft() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return leftText(d.left)
}

// tasks reports tasks that changed.
func (d *display) tasks(s *state.Snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.live != nil {
		d.live.tasks(s)
	}
	for t := range s.Tasks(0) {
		if d.status[t.Work.Key] == t.Status {
			continue
		}
		d.status[t.Work.Key] = t.Status
		if t.Status == state.Done && d.left != nil {
			d.left.Done(t.Work.Key)
		}
		if t.Status == state.Done && t.Attempts > 0 || t.Status == state.Failed || t.Status == state.Cancelled {
			reason := ""
			if t.Reason != "" {
				reason = ": " + t.Reason
			}
			left := leftText(d.left)
			if left != "" && t.Status == state.Done {
				reason += ", " + left
			}
			say("[%d/%d] %s %s%s", s.Count(state.Done), s.TaskCount(), t.Work.Name(), t.Status, reason)
		}
	}
}

// step reports a step of a task.
func (d *display) step(w api.Work, p train.Progress) {
	d.task(w.Key, progress{
		name: w.Name(), done: p.Step, total: p.Steps, unit: "step",
		note: fmt.Sprintf("epoch %d/%d, loss %.4f", p.Epoch+1, p.Epochs, p.Loss),
		each: p.Samples, things: "image",
	}, time.Now())
	if d.live != nil {
		d.live.step(w, p)
	}
}

// task shows how far a task of the run is.
func (d *display) task(key api.Key, p progress, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.left != nil {
		d.left.Step(key, p.done, now)
	}
	if d.live != nil {
		d.live.reached(key, p.done, p.total)
	}
	if at := d.status[d.key]; d.key != key && (at == state.Placed || at == state.Running) {
		return // tasks run side by side, and one is shown until it ends
	}
	d.key, p.part = key, d.left != nil
	d.show(p, now)
}

// report shows how far a long work is that is no task. It may be called as often as there
// is something to say.
func (d *display) report(p progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.show(p, time.Now())
}

func (d *display) show(p progress, now time.Time) {
	if d.name != p.name || p.done <= d.first { // another work, or it began anew
		d.name, d.began, d.first, d.shown = p.name, now, p.done, now
		if d.terminal {
			d.shown = time.Time{}
		}
	}
	since := now.Sub(d.shown)
	rate := 0.0
	if now.After(d.began) {
		rate = float64(p.done-d.first) / now.Sub(d.began).Seconds()
	}
	switch {
	case d.terminal && (since >= drawEvery || p.done == p.total):
		d.shown = now
		p.left = leftText(d.left)
		lastLine.draw(func(cells int) string { return p.line(rate, cells) })
	case !d.terminal && since >= plainEvery:
		d.shown = now
		p.left = leftText(d.left)
		say("%s", p.text(rate))
	}
}

// text is a line of a log.
func (p *progress) text(rate float64) string {
	parts := []string{printable(p.name) + ": " + p.count()}
	if p.note != "" {
		parts = append(parts, printable(p.note))
	}
	return strings.Join(append(parts, p.pace(rate)...), ", ")
}

func (p *progress) count() string {
	if p.total == 0 {
		return fmt.Sprintf("%s %d", p.unit, p.done)
	}
	return fmt.Sprintf("%s %d/%d", p.unit, p.done, p.total)
}

// pace is rate and time left, as far as they are known; the rate is of done in a second.
func (p *progress) pace(rate float64) []string {
	if rate <= 0 {
		return nil
	}
	shown, things := rate, p.unit
	if p.each > 0 {
		shown, things = rate*float64(p.each), p.things
	}
	if !strings.HasSuffix(things, "iB") {
		things += "s"
	}
	parts := []string{fmt.Sprintf("%.1f %s/s", shown, things)}
	if p.part {
		if p.left != "" {
			parts = append(parts, p.left)
		}
		return parts
	}
	if left := float64(p.total-p.done) / rate; p.total > 0 && left < maxLeft.Seconds() {
		parts = append(parts, fmt.Sprintf("%v left", time.Duration(left*float64(time.Second)).Round(time.Second)))
	}
	return parts
}

// maxLeft is more than anybody waits: the time left of a work that hardly moves is not said.
const maxLeft = 10000 * time.Hour

// line is the line of a terminal, in so many cells. What is told least goes first where
// there is little room: the bar, the note, then the end of the name.
func (p *progress) line(rate float64, cells int) string {
	parts := []string{p.count()}
	if p.total > 0 {
		parts = append(parts, fmt.Sprintf("%d%%", 100*p.done/p.total))
	}
	end := strings.Join(append(parts, p.pace(rate)...), ", ")
	name, note := printable(p.name), printable(p.note)
	room := cells - uniseg.StringWidth(end) - 1 // for everything before it, and a blank
	if full := name + " " + note; note != "" && uniseg.StringWidth(full) <= room {
		name = full
	}
	if room < 1 {
		return cut(end, cells)
	}
	name = cut(name, room)
	if bar := room - uniseg.StringWidth(name) - 3; p.total > 0 && bar >= leastBar { // a blank, and brackets
		full := int(int64(bar) * min(p.done, p.total) / p.total)
		name += " [" + strings.Repeat("=", full) + strings.Repeat(" ", bar-full) + "]"
	}
	return name + " " + end
}

// say writes a line above the progress.
func (d *display) say(line string) { say("%s", line) }

func (d *display) close() { lastLine.erase() }
