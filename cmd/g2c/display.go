package main

import (
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"g2c/api"
	"g2c/coordinator/state"
	"g2c/worker/train"
)

// plainEvery is how often progress is printed where there is no terminal.
const plainEvery = 5 * time.Second

// display shows progress with rate and time left: a bar on a terminal, plain
// lines every few seconds elsewhere. It may be called from several goroutines.
type display struct {
	mu       sync.Mutex
	terminal bool
	bar      *progressbar.ProgressBar
	key      api.Key // of the task that is shown
	name     string
	began    time.Time
	first    int64 // steps done when began was taken
	printed  time.Time
	status   map[api.Key]state.Status
}

func newDisplay() *display {
	return &display{terminal: term.IsTerminal(int(os.Stderr.Fd())), status: map[api.Key]state.Status{}}
}

// tasks reports tasks that changed.
func (d *display) tasks(s *state.Snapshot) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for t := range s.Tasks(0) {
		if d.status[t.Work.Key] == t.Status {
			continue
		}
		d.status[t.Work.Key] = t.Status
		if t.Status == state.Done && t.Attempts > 0 || t.Status == state.Failed || t.Status == state.Cancelled {
			d.clear()
			reason := ""
			if t.Reason != "" {
				reason = ": " + t.Reason
			}
			say("[%d/%d] %s %s%s", s.Count(state.Done), s.TaskCount(), t.Work.Name(), t.Status, reason)
		}
	}
}

// step reports a step of a task.
func (d *display) step(w api.Work, p train.Progress) {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	if at := d.status[d.key]; d.key != w.Key && (at == state.Placed || at == state.Running) {
		return // tasks run side by side, and one is shown until it ends
	}
	d.key = w.Key
	if d.name != w.Name() || p.Step <= d.first { // another task, or another attempt
		d.clear()
		d.name, d.began, d.first, d.printed = w.Name(), now, p.Step, now
	}
	if d.terminal {
		d.draw(p)
		return
	}
	if now.Sub(d.printed) < plainEvery {
		return
	}
	d.printed = now
	rate := float64(p.Step-d.first) / now.Sub(d.began).Seconds()
	left := time.Duration(float64(p.Steps-p.Step) / rate * float64(time.Second)).Round(time.Second)
	say("%s: step %d/%d, epoch %d/%d, loss %.4f, %.1f images/s, %v left",
		d.name, p.Step, p.Steps, p.Epoch+1, p.Epochs, p.Loss, rate*float64(p.Samples), left)
}

func (d *display) draw(p train.Progress) {
	if d.bar == nil {
		d.bar = progressbar.NewOptions64(p.Steps,
			progressbar.OptionSetWriter(os.Stderr), progressbar.OptionShowIts(), progressbar.OptionShowCount(),
			progressbar.OptionSetItsString("steps"), progressbar.OptionThrottle(100*time.Millisecond),
			progressbar.OptionSetPredictTime(true), progressbar.OptionClearOnFinish(), progressbar.OptionFullWidth())
	}
	d.bar.Describe(fmt.Sprintf("%s epoch %d/%d loss %.4f", d.name, p.Epoch+1, p.Epochs, p.Loss))
	_ = d.bar.Set64(p.Step) // drawing cannot fail in a way that matters
}

// clear takes the bar off the terminal.
func (d *display) clear() {
	if d.bar != nil {
		_ = d.bar.Clear()
		d.bar = nil
	}
}

// say writes a line above the bar.
func (d *display) say(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
	say("%s", line)
}

func (d *display) close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.clear()
}
