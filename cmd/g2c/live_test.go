package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"g2c/api"
	"g2c/experiments/live"
	"g2c/experiments/report"
	"g2c/experiments/sweep"
	"g2c/model/results"
	"g2c/worker/train"
)

// liveOf is a run of one pretraining in a folder of its own.
func liveOf(t *testing.T) (*liveRun, api.Work) {
	t.Helper()
	w := api.Work{Key: api.Key{1}, Names: []string{"pretrain/HE"}, Task: api.Task{Kind: api.KindPretrain, Pretrain: &api.Pretrain{}}}
	w.Task.Pretrain.Source, w.Task.Pretrain.Stain = "PAS", "HE"
	e := &experiment{id: "x", plan: &sweep.Plan{Experiment: "x", Items: []*sweep.Item{{Work: w}}}}
	return newLive(e, t.TempDir()), w
}

// trainLive says what two epochs of two steps say, from a step on.
func trainLive(l *liveRun, w api.Work, from int64) {
	h := l.hear(w)
	h.Resumed(from)
	for step := from + 1; step <= 4; step++ {
		epoch := int(step-1) / 2
		l.step(w, train.Progress{Step: step, Steps: 4, Epoch: epoch, Epochs: 2, Samples: 1, Loss: 1})
		if step%2 > 0 {
			continue
		}
		s := train.Samples{Epoch: epoch, Size: 2, Images: map[string][]uint8{}}
		for _, kind := range results.ShowKinds {
			s.Images[kind] = make([]uint8, 3*2*2)
		}
		h.Samples(s)
		l.drawn.Wait()
		h.Epoch(train.Epoch{Step: step, Losses: []string{"cycle_A"}, Pretrain: &results.PretrainEpoch{Epoch: epoch, LR: 0.1, Losses: []float64{2}}})
	}
}

// The page of a run that goes on has what was said before it was stopped, too.
func TestLiveGoesOn(t *testing.T) {
	l, w := liveOf(t)
	trainLive(l, w, 0)
	again := newLive(&experiment{id: "x", plan: &sweep.Plan{Experiment: "x", Items: []*sweep.Item{{Work: w}}}}, filepath.Dir(filepath.Dir(l.dir)))
	if task := again.page.Tasks[0]; len(task.Lines) != 6 || task.SheetEpoch != 2 {
		t.Errorf("a run that is over is shown with %d lines", len(task.Lines))
	}
	again.hear(w).Resumed(2)
	task := again.page.Tasks[0]
	if len(task.Lines) != 3 || !task.Last().Ended || task.SheetEpoch != 2 || task.Sheet == nil {
		t.Errorf("%d lines, the sheet of epoch %d", len(task.Lines), task.SheetEpoch)
	}
	trainLive(again, w, 2)
	lines, err := live.Read(filepath.Join(l.dir, "pretrain", "HE", live.MetricsFile))
	if err != nil || len(lines) != 6 || lines[5].Losses["cycle_A"] != 2 || lines[5].Seconds < lines[2].Seconds {
		t.Errorf("%+v, %v", lines, err)
	}
	trainLive(again, w, 0) // the checkpoints are gone
	if lines, err := live.Read(filepath.Join(l.dir, "pretrain", "HE", live.MetricsFile)); err != nil || len(lines) != 6 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}

// Where nothing can be written the run says so once, and goes on.
func TestLiveWithoutAPlace(t *testing.T) {
	l, w := liveOf(t)
	l.start(func() string { return "" })
	if err := os.RemoveAll(l.dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(l.dir, nil, 0o644); err != nil { // a file where its folder is to be
		t.Fatal(err)
	}
	trainLive(l, w, 0)
	l.close("Finished.", "")
	if !l.failed {
		t.Error("nothing was said")
	}
}

// What a run said goes with its experiment, and what others put there stays.
func TestRemoveLive(t *testing.T) {
	l, w := liveOf(t)
	store := filepath.Dir(filepath.Dir(l.dir))
	trainLive(l, w, 0)
	l.write()
	notes := filepath.Join(l.dir, "pretrain", "notes.txt")
	if err := os.WriteFile(notes, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if !hasLive(store, "x") {
		t.Error("it is there, and not seen")
	}
	if err := removeLive(store, "x"); err != nil {
		t.Fatal(err)
	}
	var left []string
	if err := filepath.WalkDir(l.dir, func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			left = append(left, path)
		}
		return err
	}); err != nil || !slices.Equal(left, []string{notes}) {
		t.Errorf("%v, %v", left, err)
	}
	if err := os.Remove(notes); err != nil {
		t.Fatal(err)
	}
	if err := removeLive(store, "x"); err != nil || hasLive(store, "x") {
		t.Errorf("it is there still: %v", err)
	}
}

// The page of a run that is over has the way to its report, if there is one.
func TestLiveLinksTheReport(t *testing.T) {
	l, _ := liveOf(t)
	store := filepath.Dir(filepath.Dir(l.dir))
	page := filepath.Join(reportFolder(store, "x"), report.IndexFile)
	if err := os.MkdirAll(filepath.Dir(page), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(page, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	l.start(func() string { return "3m left in all" })
	running, err := os.ReadFile(l.path())
	if err != nil || !strings.Contains(string(running), "3m left in all") || strings.Contains(string(running), "reports/x") {
		t.Errorf("while it runs: %v", err)
	}
	l.close("Finished.", page)
	over, err := os.ReadFile(l.path())
	if err != nil || !strings.Contains(string(over), `href="../../reports/x/index.html"`) || strings.Contains(string(over), "3m left") {
		t.Errorf("when it is over: %v", err)
	}
}
