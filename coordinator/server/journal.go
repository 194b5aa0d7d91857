package server

import (
	"container/list"
	"slices"
	"sync"
	"time"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/internal/clock"
)

// Limits of a journal. What is over goes, the oldest first: the whole is with the
// worker.
const (
	maxLines      = 2000
	maxLineBytes  = 4096
	maxBatch      = 1000 // lines or points of one message
	maxSeries     = 64   // of one task
	maxPoints     = 2000 // of one series: beyond it every other one goes
	maxSeriesName = 100
	lineOverhead  = 64
	pointBytes    = 16
)

// journals keep what workers say of tasks, in memory: each leader has what was said
// to it, and workers repeat their last lines to a new one. The task that was
// spoken of least lately makes room.
type journals struct {
	limit int
	clock clock.Clock

	mu    sync.Mutex
	bytes int
	tasks map[api.Key]*list.Element // of *journal
	order *list.List                // the one spoken of last in front
}

// journal is what is known of one task.
type journal struct {
	task     api.Key
	progress *apiv1.Progress
	life     life
	lines    []*apiv1.LogLine
	first    uint64 // number of lines[0], counted from 1
	said     map[speaker]uint64
	series   map[string]*series
	names    []string // of series, in the order they came
	bytes    int
	changed  chan struct{} // closed and made anew when lines come
}

// life is when a generation of a task last gave a sign of it.
type life struct {
	generation uint64
	spoke      time.Time // anything was said
	moved      time.Time // it was further than before, or at something else
}

// speaks notes that a generation says something. It is called with the lock held.
func (t *journal) speaks(generation uint64, now time.Time) {
	if t.life.generation != generation {
		t.life = life{generation: generation, moved: now}
	}
	t.life.spoke = now
}

// speaker is a worker in one generation of a task.
type speaker struct {
	worker     string
	generation uint64
}

type series struct {
	steps  []uint64
	values []float64
	stride uint64 // one of how many points is kept
	seen   uint64
}

func newJournals(limit int, c clock.Clock) *journals {
	return &journals{limit: limit, clock: c, tasks: map[api.Key]*list.Element{}, order: list.New()}
}

// of is a task's journal, made if need be. It is called with the lock held.
func (j *journals) of(k api.Key) *journal {
	if e := j.tasks[k]; e != nil {
		j.order.MoveToFront(e)
		return e.Value.(*journal)
	}
	t := &journal{task: k, first: 1, said: map[speaker]uint64{}, series: map[string]*series{}, changed: make(chan struct{})}
	j.tasks[k] = j.order.PushFront(t)
	j.grow(t, 512)
	return t
}

// grow counts bytes, and has other journals make room. It is called with the lock
// held.
func (j *journals) grow(t *journal, bytes int) {
	t.bytes += bytes
	j.bytes += bytes
	for j.bytes > j.limit && j.order.Len() > 1 {
		last := j.order.Remove(j.order.Back()).(*journal)
		delete(j.tasks, last.task)
		j.bytes -= last.bytes
		close(last.changed)
		last.changed = nil
	}
}

// progress keeps how far a task is.
func (j *journals) progress(k api.Key, p *apiv1.TaskProgress) {
	if p.Progress == nil {
		return
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	p.Progress.Note = clip(p.Progress.Note, 200)
	t, now := j.of(k), j.clock.Now()
	t.speaks(p.Generation, now)
	if old := t.progress; old == nil || old.Step != p.Progress.Step || old.Note != p.Progress.Note {
		t.life.moved = now
	}
	t.progress = p.Progress
}

// lifeOf is what was heard of a generation of a task, and how far it is. The zero life is
// of one that said nothing here.
func (j *journals) lifeOf(k api.Key, generation uint64) (life, *apiv1.Progress) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.tasks[k]
	if e == nil {
		return life{}, nil
	}
	t := e.Value.(*journal)
	if t.life.generation != generation {
		return life{}, t.progress
	}
	return t.life, t.progress
}

// wordsOf is the last that a task's log says, in at most so many bytes.
func (j *journals) wordsOf(k api.Key, most int) string {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.tasks[k]
	if e == nil {
		return ""
	}
	words := ""
	for _, l := range slices.Backward(e.Value.(*journal).lines) {
		next := l.Text
		if words != "" {
			next += " | " + words
		}
		if len(next) > most {
			break
		}
		words = next
	}
	return words
}

// progressOf is how far a task is, nil if nobody said.
func (j *journals) progressOf(k api.Key) *apiv1.Progress {
	j.mu.Lock()
	defer j.mu.Unlock()
	if e := j.tasks[k]; e != nil {
		return e.Value.(*journal).progress
	}
	return nil
}

// logs keeps a worker's lines, but for those that it has said before.
func (j *journals) logs(k api.Key, worker string, m *apiv1.TaskLogs) {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.of(k)
	t.speaks(m.Generation, j.clock.Now())
	by := speaker{worker, m.Generation}
	if _, ok := t.said[by]; !ok {
		if len(t.said) >= maxLines {
			return
		}
		j.grow(t, lineOverhead)
	}
	grown := 0
	for i, l := range m.Lines[:min(len(m.Lines), maxBatch)] {
		if number := m.First + uint64(i); number > t.said[by] {
			t.said[by] = number
			text := clip(l.Text, maxLineBytes)
			t.lines = append(t.lines, &apiv1.LogLine{AtMs: l.AtMs, Worker: worker, Generation: m.Generation, Text: text})
			grown += lineOverhead + len(text)
		}
	}
	for len(t.lines) > maxLines {
		grown -= lineOverhead + len(t.lines[0].Text)
		t.lines[0] = nil
		t.lines = t.lines[1:]
		t.first++
	}
	j.grow(t, grown)
	if t.changed != nil {
		close(t.changed)
		t.changed = make(chan struct{})
	}
}

// read is the lines of a task from a number on, the number after them, whether some
// in between are gone, and a channel that is closed when more come.
func (j *journals) read(k api.Key, from uint64, tail int) (lines []*apiv1.LogLine, next uint64, lost bool, changed <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.of(k)
	if from < t.first {
		lost, from = true, t.first
	}
	end := t.first + uint64(len(t.lines))
	if from > end { // the journal began anew
		from = t.first
	}
	lines = t.lines[from-t.first:]
	if tail > 0 && len(lines) > tail {
		lines = lines[len(lines)-tail:]
	}
	return append([]*apiv1.LogLine(nil), lines...), end, lost, t.changed
}

// metrics keeps points of a task's curves.
func (j *journals) metrics(k api.Key, m *apiv1.TaskMetrics) {
	j.mu.Lock()
	defer j.mu.Unlock()
	t := j.of(k)
	grown := 0
	for _, p := range m.Points[:min(len(m.Points), maxBatch)] {
		c := t.series[p.Name]
		if c == nil {
			if len(t.series) >= maxSeries || p.Name == "" || len(p.Name) > maxSeriesName {
				continue
			}
			c = &series{stride: 1}
			t.series[p.Name] = c
			t.names = append(t.names, p.Name)
			grown += lineOverhead + len(p.Name)
		}
		grown += c.add(p) * pointBytes
	}
	j.grow(t, grown)
}

// add keeps a point, and returns how many more there are then. A point that is not
// later than the last one is of a generation that went on from a checkpoint: what
// came after is replaced.
func (c *series) add(p *apiv1.Point) int {
	before := len(c.steps)
	for n := len(c.steps); n > 0 && c.steps[n-1] >= p.Step; n = len(c.steps) {
		c.steps, c.values = c.steps[:n-1], c.values[:n-1]
	}
	c.seen++
	if c.seen%c.stride == 0 {
		c.steps, c.values = append(c.steps, p.Step), append(c.values, p.Value)
	}
	if len(c.steps) > maxPoints {
		n := 0
		for i := 1; i < len(c.steps); i += 2 {
			c.steps[n], c.values[n] = c.steps[i], c.values[i]
			n++
		}
		c.steps, c.values = c.steps[:n], c.values[:n]
		c.stride *= 2
	}
	return len(c.steps) - before
}

// curves are a task's series: those of some names, or all.
func (j *journals) curves(k api.Key, names []string) []*apiv1.Series {
	j.mu.Lock()
	defer j.mu.Unlock()
	e := j.tasks[k]
	if e == nil {
		return nil
	}
	t := e.Value.(*journal)
	if len(names) == 0 {
		names = t.names
	}
	var out []*apiv1.Series
	for _, name := range names {
		if c := t.series[name]; c != nil {
			out = append(out, &apiv1.Series{Name: name, Steps: append([]uint64(nil), c.steps...), Values: append([]float64(nil), c.values...)})
		}
	}
	return out
}
