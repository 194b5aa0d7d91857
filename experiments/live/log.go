package live

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"g2c/internal/fault"
	"g2c/model/metrics"
)

// MetricsFile is the name of a task's log in its folder.
const MetricsFile = "metrics.jsonl"

// Line is a line of a log. Of a step there is Loss, of an epoch the rest.
type Line struct {
	Step    int64   `json:"step"`    // optimizer steps done
	Epoch   int     `json:"epoch"`   // from 1: the one that the step belongs to, or that ended
	Seconds float64 `json:"seconds"` // of training, over all attempts as far as lines tell
	// Loss is the mean of the first loss over the epoch so far.
	Loss            *metrics.Number `json:"loss,omitempty"`
	ImagesPerSecond float64         `json:"imagesPerSecond,omitempty"` // since the line before

	Ended      bool                      `json:"ended,omitempty"` // the line is of a whole epoch
	LR         float64                   `json:"lr,omitempty"`
	Losses     map[string]metrics.Number `json:"losses,omitempty"` // means over the epoch, by name
	Frozen     bool                      `json:"frozen,omitempty"` // the generators stood still
	Validation *metrics.Binary           `json:"validation,omitempty"`
}

// maxBytes is more than a log can have: about a thousand steps and some thousand epochs.
const maxBytes = 64 << 20

// Log is a task's log, open for what comes.
type Log struct {
	file *os.File
	last Line // zero before the first
	has  bool
}

// Open opens the log of a task that goes on after a step, 0 for one that begins, and gives
// the lines that stay. Its folder must exist. Lines of later steps, and what is no whole line, are cut off.
func Open(path string, step int64) (*Log, []Line, error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o644)
	if err != nil {
		return nil, nil, unwritable(path, err)
	}
	l := &Log{file: file}
	text, err := io.ReadAll(io.LimitReader(file, maxBytes))
	var lines []Line
	if err == nil {
		var whole int
		lines, whole = kept(text, step)
		err = file.Truncate(int64(whole))
	}
	if err != nil {
		return nil, nil, unwritable(path, errors.Join(err, file.Close()))
	}
	if n := len(lines); n > 0 {
		l.last, l.has = lines[n-1], true
	}
	return l, lines, nil
}

// Read gives the whole lines of a log, none where there is no file.
func Read(path string) ([]Line, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read %s: %w", path, err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxBytes))
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read %s: %w", path, err)
	}
	lines, _ := kept(text, 1<<62)
	return lines, nil
}

// kept are the lines up to a step, and how many bytes they are. What follows the first that
// is no line, or that goes back, does not count.
func kept(text []byte, step int64) (lines []Line, bytesOf int) {
	for {
		end := bytes.IndexByte(text[bytesOf:], '\n')
		if end < 0 {
			return lines, bytesOf
		}
		var l Line
		if json.Unmarshal(text[bytesOf:bytesOf+end], &l) != nil || l.Step > step || l.Step <= 0 {
			return lines, bytesOf
		}
		if n := len(lines); n > 0 && !l.follows(lines[n-1]) {
			return lines, bytesOf
		}
		lines = append(lines, l)
		bytesOf += end + 1
	}
}

// follows says whether a line comes after another: a later step, or the end of the epoch
// after its last step.
func (l Line) follows(o Line) bool { return l.Step > o.Step || l.Step == o.Step && l.Ended && !o.Ended }

// Seconds is the time that the last line tells, 0 without one.
func (l *Log) Seconds() float64 { return l.last.Seconds }

// Append writes a line. One that does not follow the last is there already, and is left out.
func (l *Log) Append(line Line) error {
	if l.has && !line.follows(l.last) {
		return nil
	}
	text, err := json.Marshal(line)
	if err != nil {
		return fmt.Errorf("encode a line of %s: %w", l.file.Name(), err)
	}
	if _, err := l.file.Write(append(text, '\n')); err != nil {
		return unwritable(l.file.Name(), err)
	}
	l.last, l.has = line, true
	return nil
}

// Close closes the file.
func (l *Log) Close() error { return l.file.Close() }

func unwritable(path string, err error) error {
	return fault.New(fault.ErrUnavailable, "write %s: %w", path, err).WithHint("check space and permissions; training goes on without it")
}

// maxSteps is how many steps of a task have lines at most.
const maxSteps = 1000

// Logged says whether a step of a task of so many has a line: the same ones whenever it is
// trained.
func Logged(step, steps int64) bool {
	return step%max((steps+maxSteps-1)/maxSteps, 1) == 0 || step == 1
}
