package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"g2c/api"
	"g2c/experiments/live"
	"g2c/experiments/report"
	"g2c/internal/atomicfile"
	"g2c/model/metrics"
	"g2c/worker/train"
)

// taskLog is the log of a task that this process trains; the run's lock is held where it is
// used, but by Resumed, Epoch and Samples.
type taskLog struct {
	live  *liveRun
	dir   string
	work  api.Work
	log   *live.Log
	began time.Time
	base  float64   // seconds of earlier attempts
	line  live.Line // the last
}

// samplesPattern are the names of a task's sample images; see samplesName.
const samplesPattern = "samples-*.png"

func samplesName(epoch int) string { return fmt.Sprintf("samples-%05d.png", epoch) }

// Resumed implements runner.Hearer: it cuts off what lies behind the step.
func (t *taskLog) Resumed(step int64) {
	l := t.live
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.make(t.dir)
	var log *live.Log
	var lines []live.Line
	if err == nil {
		log, lines, err = live.Open(filepath.Join(t.dir, live.MetricsFile), step)
	}
	if err != nil {
		l.check(err)
		return
	}
	t.log, t.base, t.began = log, log.Seconds(), time.Now()
	l.logs[t.work.Key] = t
	task := t.heard()
	if task == nil {
		return
	}
	if step == 0 { // they come again, from other weights
		sheets, _ := fs.Glob(os.DirFS(t.dir), samplesPattern)
		for _, sheet := range sheets {
			_ = os.Remove(filepath.Join(t.dir, sheet))
		}
	}
	task.Lines = lines
	task.Sheet, task.SheetEpoch = newestSheet(t.dir)
}

// Epoch implements runner.Hearer.
func (t *taskLog) Epoch(e train.Epoch) {
	t.live.mu.Lock()
	defer t.live.mu.Unlock()
	line := live.Line{Step: e.Step, Seconds: t.seconds(), Ended: true}
	if p := e.Pretrain; p != nil {
		line.Epoch, line.LR, line.Losses = p.Epoch+1, p.LR, map[string]metrics.Number{}
		for i, name := range e.Losses {
			line.Losses[name] = metrics.Number(p.Losses[i])
		}
	}
	if f := e.Finetune; f != nil {
		line.Epoch, line.LR, line.Frozen, line.Validation = f.Epoch+1, f.LR, f.Frozen, f.Validation
		line.Losses = map[string]metrics.Number{"focal": metrics.Number(f.Loss)}
	}
	t.append(line)
}

// Samples implements runner.Hearer. The sheet is drawn beside the training.
func (t *taskLog) Samples(s train.Samples) { t.live.drawn.Go(func() { t.draw(s) }) }

func (t *taskLog) draw(s train.Samples) {
	p, _ := t.work.Task.Translator() // which tasks with samples train
	sheet := report.LiveSheet(p.Source, p.Stain, s.Size, s.Images)
	t.live.mu.Lock()
	defer t.live.mu.Unlock()
	if task := t.heard(); task != nil && s.Epoch >= task.SheetEpoch {
		task.Sheet, task.SheetEpoch = sheet, s.Epoch+1
	}
	if t.log != nil {
		t.live.check(atomicfile.Write(filepath.Join(t.dir, samplesName(s.Epoch+1)), atomicfile.Options{}, sheet))
	}
}

// heard is the task on the page, of which there is news now; nil if it is not there.
func (t *taskLog) heard() *report.LiveTask {
	i, ok := t.live.at[t.work.Key]
	if !ok {
		return nil
	}
	t.live.heard++
	task := &t.live.page.Tasks[i]
	task.Heard = t.live.heard
	return task
}

// seconds is how long the task has trained, over all attempts.
func (t *taskLog) seconds() float64 {
	return t.base + float64(time.Since(t.began).Milliseconds())/1000
}

func (t *taskLog) append(line live.Line) {
	if t.log == nil {
		return
	}
	if err := t.log.Append(line); err != nil {
		t.live.check(err)
		t.close()
		return
	}
	t.line = line
	if task := t.heard(); task != nil {
		task.Lines = append(task.Lines, line)
	}
}

func (t *taskLog) close() {
	if t.log != nil {
		t.live.check(t.log.Close())
		t.log = nil
	}
}
