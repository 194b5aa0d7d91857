package live

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"g2c/model/metrics"
)

func loss(v float64) *metrics.Number { n := metrics.Number(v); return &n }

// train writes what a task of 12 steps in three epochs says from a step to another.
func train(t *testing.T, path string, from, to int64) {
	t.Helper()
	l, _, err := Open(path, from)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	for step := from + 1; step <= to; step++ {
		line := Line{Step: step, Epoch: int(step-1)/4 + 1, Seconds: float64(step), Loss: loss(1 / float64(step))}
		if err := l.Append(line); err != nil {
			t.Fatal(err)
		}
		if step%4 == 0 {
			line.Loss, line.Ended, line.LR = nil, true, 0.5
			line.Losses = map[string]metrics.Number{"a": metrics.Undefined()}
			if err := l.Append(line); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func text(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// Wherever a task is killed, in the middle of a line too, and from whichever checkpoint
// before it goes on, the log is in the end that of a task that nobody disturbed.
func TestKilledAnywhere(t *testing.T) {
	dir := t.TempDir()
	whole := filepath.Join(dir, "whole")
	train(t, whole, 0, 12)
	want := text(t, whole)
	path := filepath.Join(dir, "a", "b", MetricsFile)
	for at := 0; at <= len(want); at += 5 {
		lines, _ := kept([]byte(want[:at]), 12)
		done := int64(0)
		if len(lines) > 0 {
			done = lines[len(lines)-1].Step
		}
		for from := int64(0); from <= done; from++ {
			ended := from%4 != 0 || from < done || strings.HasSuffix(want[:at], "\n") && lines[len(lines)-1].Ended
			if from > 0 && !ended { // a checkpoint at an epoch's end comes after its line
				continue
			}
			os.Remove(path)
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(want[:at]), 0o644); err != nil {
				t.Fatal(err)
			}
			train(t, path, from, 12)
			if got := text(t, path); got != want {
				t.Fatalf("killed at byte %d, gone on from step %d:\n%s", at, from, got)
			}
		}
	}
	lines, err := Read(whole)
	if err != nil || len(lines) != 15 {
		t.Fatalf("%d lines, %v", len(lines), err)
	}
}

// A step that is trained again, as a gang does after a loss, is no second line.
func TestNoLineTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), MetricsFile)
	l, _, err := Open(path, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []Line{{Step: 1}, {Step: 2}, {Step: 1}, {Step: 2}, {Step: 2, Ended: true}, {Step: 2, Ended: true}, {Step: 2}, {Step: 3}} {
		if err := l.Append(line); err != nil {
			t.Fatal(err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	lines, err := Read(path)
	if err != nil || !reflect.DeepEqual(lines, []Line{{Step: 1}, {Step: 2}, {Step: 2, Ended: true}, {Step: 3}}) {
		t.Errorf("%+v, %v", lines, err)
	}
	if none, err := Read(path + ".none"); err != nil || none != nil {
		t.Errorf("%v, %v", none, err)
	}
}

// Of a long task a thousand steps have lines, of a short one all.
func TestLogged(t *testing.T) {
	for steps, want := range map[int64]int{1: 1, 12: 12, 1000: 1000, 1001: 501, 100_000: 1001} {
		n := 0
		for step := range steps {
			if Logged(step+1, steps) {
				n++
			}
		}
		if n != want {
			t.Errorf("%d of %d steps", n, steps)
		}
	}
}

// Whatever bytes a file has, what is kept reads back as it is.
func FuzzKept(f *testing.F) {
	f.Add([]byte("{\"step\":1,\"epoch\":1,\"seconds\":0.5,\"loss\":0.25}\n{\"step\":2"), int64(9))
	f.Add([]byte("{\"step\":1}\n{\"step\":1,\"ended\":true,\"losses\":{\"a\":null}}\nnull\n"), int64(1))
	f.Fuzz(func(t *testing.T, text []byte, step int64) {
		lines, n := kept(text, step)
		again, m := kept(text[:n], step)
		if m != n || len(again) != len(lines) || n > 0 && text[n-1] != '\n' {
			t.Fatalf("%d lines in %d bytes, then %d in %d", len(lines), n, len(again), m)
		}
		for _, l := range lines {
			if l.Step > step {
				t.Fatalf("step %d after %d", l.Step, step)
			}
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	l, _, err := Open(filepath.Join(b.TempDir(), MetricsFile), 0)
	if err != nil {
		b.Fatal(err)
	}
	defer l.Close()
	for i := range b.N {
		if err := l.Append(Line{Step: int64(i + 1), Epoch: 1, Seconds: 1.5, Loss: loss(0.25), ImagesPerSecond: 12.5}); err != nil {
			b.Fatal(err)
		}
	}
}
