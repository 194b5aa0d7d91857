package main

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"g2c/api"
	"g2c/checkpoint/s3store"
	"g2c/coordinator/state"
	"g2c/experiments/live"
	"g2c/experiments/report"
	"g2c/internal/atomicfile"
	"g2c/internal/fault"
	"g2c/model/metrics"
	"g2c/worker/runner"
	"g2c/worker/train"
)

// liveDir is the folder, in a store that is a directory, of what runs say as they go on: a
// page for each run, and for each of its tasks a log and sample images. Of a bucket it lies
// where g2c runs, as reports do.
const liveDir = "live"

// liveWrites is how often the page of a run is written at most.
const liveWrites = report.LiveEvery * time.Second / 2

// liveFolder is where a run says how it goes.
func liveFolder(storePath, id string) string {
	if s3store.Is(storePath) {
		return filepath.Join(liveDir, id)
	}
	return filepath.Join(storePath, liveDir, id)
}

// liveRun writes what a run says as it goes on. Training never waits for more than a line
// that is appended, and goes on where nothing can be written. It may be called from several
// goroutines.
type liveRun struct {
	root  string // the store, or where a bucket is used from: it is there, and never made
	dir   string
	left  func() string // of the run, for people
	over  chan struct{}
	ended sync.WaitGroup // what writes the page
	drawn sync.WaitGroup // what draws sample images

	mu     sync.Mutex
	page   report.Live
	at     map[api.Key]int // in the tasks of the page
	logs   map[api.Key]*taskLog
	heard  int64
	failed bool // writing did, and it was said
}

// newLive begins the page of a run; close ends it.
func newLive(e *experiment, storePath string) *liveRun {
	l := &liveRun{
		root: storePath, dir: liveFolder(storePath, e.id), left: func() string { return "" }, over: make(chan struct{}),
		page: report.Live{Experiment: e.plan.Experiment, ID: e.id, Notes: e.notes},
		at:   map[api.Key]int{}, logs: map[api.Key]*taskLog{},
	}
	if s3store.Is(storePath) {
		l.root = "."
	}
	for i, item := range e.plan.Items {
		l.at[item.Key] = i
		l.page.Tasks = append(l.page.Tasks, report.LiveTask{Name: item.Name(), Key: item.Key.String(), State: "waiting"})
	}
	l.recall()
	return l
}

// recalled is of how many tasks the page shows what they said when the run was last going on.
const recalled = 8

// recall reads what the tasks said that said something last. What cannot be read is as good
// as none.
func (l *liveRun) recall() {
	type said struct {
		task int
		when time.Time
	}
	var all []said
	for i := range l.page.Tasks {
		if info, err := os.Stat(filepath.Join(l.folder(l.page.Tasks[i].Name), live.MetricsFile)); err == nil {
			all = append(all, said{i, info.ModTime()})
		}
	}
	slices.SortStableFunc(all, func(a, b said) int { return a.when.Compare(b.when) })
	for _, s := range all[max(0, len(all)-recalled):] {
		task := &l.page.Tasks[s.task]
		l.heard++
		task.Heard = l.heard
		task.Lines, _ = live.Read(filepath.Join(l.folder(task.Name), live.MetricsFile))
		task.Sheet, task.SheetEpoch = newestSheet(l.folder(task.Name))
	}
}

// folder is that of a task.
func (l *liveRun) folder(task string) string { return filepath.Join(l.dir, filepath.FromSlash(task)) }

// newestSheet is the sample images of the last epoch that has some; nil for none.
func newestSheet(dir string) (sheet []byte, epoch int) {
	files, _ := fs.Glob(os.DirFS(dir), samplesPattern)
	if len(files) == 0 {
		return nil, 0
	}
	last := files[len(files)-1] // sorted
	if _, err := fmt.Sscanf(last, "samples-%d.png", &epoch); err != nil {
		return nil, 0
	}
	sheet, err := os.ReadFile(filepath.Join(dir, last))
	if err != nil {
		return nil, 0
	}
	return sheet, epoch
}

// path is the page.
func (l *liveRun) path() string { return filepath.Join(l.dir, report.IndexFile) }

// start writes the page, and again and again until close.
func (l *liveRun) start(left func() string) {
	l.left = left
	l.write()
	l.ended.Go(func() {
		every := time.NewTicker(liveWrites)
		defer every.Stop()
		for {
			select {
			case <-l.over:
				return
			case <-every.C:
				l.write()
			}
		}
	})
}

// close writes the page of a run that is over: how it ended, and where its report lies, if
// it has one.
func (l *liveRun) close(how, reportPage string) {
	close(l.over)
	l.ended.Wait()
	l.drawn.Wait()
	l.mu.Lock()
	l.page.Ended = how
	if _, err := os.Stat(reportPage); err == nil {
		if link, err := filepath.Rel(l.dir, reportPage); err == nil {
			l.page.Report = filepath.ToSlash(link)
		}
	}
	for _, t := range l.logs {
		t.close()
	}
	l.mu.Unlock()
	l.write()
}

// write writes the page whole.
func (l *liveRun) write() {
	left := l.left()
	l.mu.Lock()
	page := l.page
	page.Tasks = slices.Clone(page.Tasks) // their lines are only ever appended to
	l.mu.Unlock()
	page.Left, page.Written = left, time.Now().Format(time.DateTime)
	text, err := page.HTML()
	if err == nil {
		err = l.make(l.dir)
	}
	if err == nil {
		err = atomicfile.Write(l.path(), atomicfile.Options{}, text)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.check(err)
}

// make makes a folder of the run. A store that is gone is not made again: whoever took it
// away would find an empty one in its place.
func (l *liveRun) make(dir string) error {
	if _, err := os.Stat(l.root); err != nil {
		return fault.New(fault.ErrUnavailable, "%w", err)
	}
	return os.MkdirAll(dir, 0o755)
}

// check says the first thing that could not be written; l.mu is held.
func (l *liveRun) check(err error) {
	if err != nil && !l.failed {
		l.failed = true
		say("warning: what the run says as it goes on is not kept: %v", err)
	}
}

// tasks hears of tasks that changed.
func (l *liveRun) tasks(s *state.Snapshot) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.page.Done = s.Count(state.Done)
	for t := range s.Tasks(0) {
		i, ok := l.at[t.Work.Key]
		if !ok {
			continue
		}
		task := &l.page.Tasks[i]
		switch t.Status {
		case state.Pending:
			task.State = "waiting"
		case state.Placed, state.Running:
			task.State = "running"
		default:
			task.State = string(t.Status)
		}
		task.Why = ""
		if t.Status == state.Failed {
			task.Why = t.Reason
		}
	}
}

// reached hears how far a task is.
func (l *liveRun) reached(key api.Key, step, steps int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i, ok := l.at[key]; ok {
		l.page.Tasks[i].Step, l.page.Tasks[i].Steps = step, steps
	}
}

// curve hears of the losses of a task that another process trains.
func (l *liveRun) curve(key api.Key, steps []uint64, values []float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	i, ok := l.at[key]
	if !ok || len(steps) != len(values) {
		return
	}
	var lines []live.Line
	for k := range steps {
		loss := metrics.Number(values[k])
		lines = append(lines, live.Line{Step: int64(steps[k]), Loss: &loss})
	}
	l.heard++
	l.page.Tasks[i].Lines, l.page.Tasks[i].Heard = lines, l.heard
}

// step hears of a step of a task that this process trains.
func (l *liveRun) step(w api.Work, p train.Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.logs[w.Key]
	if t == nil || !live.Logged(p.Step, p.Steps) {
		return
	}
	loss := metrics.Number(p.Loss)
	line := live.Line{Step: p.Step, Epoch: p.Epoch + 1, Loss: &loss, Seconds: t.seconds()}
	if since := line.Seconds - t.line.Seconds; t.line.Step > 0 && since > 0 && p.Step > t.line.Step {
		line.ImagesPerSecond = math.Round(100*float64(int64(p.Samples)*(p.Step-t.line.Step))/since) / 100
	}
	t.append(line)
}

// hear is who is told of a task that is about to run.
func (l *liveRun) hear(w api.Work) runner.Hearer {
	t := &taskLog{live: l, dir: l.folder(w.Name()), work: w}
	l.mu.Lock()
	defer l.mu.Unlock()
	if before := l.logs[w.Key]; before != nil { // another attempt
		before.close()
		delete(l.logs, w.Key)
	}
	return t
}

// hasLive tells whether a store that is a directory has what a run said as it went on.
func hasLive(storePath, id string) bool {
	if s3store.Is(storePath) {
		return false
	}
	_, err := os.Lstat(liveFolder(storePath, id))
	return err == nil
}

// removeLive removes it, and the folders that are empty then. Of a bucket nothing is
// removed: what lies where g2c was run is not the store's.
func removeLive(storePath, id string) error {
	if !hasLive(storePath, id) {
		return nil
	}
	var folders []string
	err := filepath.WalkDir(liveFolder(storePath, id), func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		sample, _ := filepath.Match(samplesPattern, e.Name())
		switch {
		case e.IsDir():
			folders = append(folders, path)
		case sample, e.Name() == live.MetricsFile, e.Name() == report.IndexFile:
			return os.Remove(path)
		}
		return nil
	})
	if err != nil {
		return fault.New(fault.ErrUnavailable, "delete what the run said: %w", err)
	}
	slices.Reverse(folders)
	for _, f := range folders {
		_ = os.Remove(f) // what holds something else stays
	}
	return nil
}
