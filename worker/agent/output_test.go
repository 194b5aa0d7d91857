package agent

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

func TestOutputIsSentOnceAndAgain(t *testing.T) {
	now := time.Unix(100, 0)
	woken := 0
	o := NewOutput(func() time.Time { return now }, func() { woken++ })
	o.Started()
	o.Started()
	o.Line("a\nb\n")
	o.Progress(Progress{Step: 10, Steps: 100})
	now = now.Add(5 * time.Second)
	o.Progress(Progress{Step: 20, Steps: 100})
	o.Point("loss", 20, 0.5)
	n := o.take()
	if woken != 1 || n.first != 1 || len(n.lines) != 2 || len(n.points) != 1 || n.progress.PerSecond != 2 {
		t.Fatalf("woken %d times, %+v", woken, n)
	}
	if n := o.take(); len(n.lines)+len(n.points) != 0 || n.progress != nil {
		t.Fatalf("said twice: %+v", n)
	}
	o.Line("c")
	if n := o.take(); n.first != 3 || len(n.lines) != 1 || n.lines[0].Text != "c" {
		t.Fatalf("%+v", n)
	}
	o.again()
	if n := o.take(); n.first != 1 || len(n.lines) != 3 || len(n.points) != 1 || n.progress == nil {
		t.Fatalf("%+v", n)
	}
}

// What is too much pushes out what is old, and keeps its numbers.
func TestOutputIsBounded(t *testing.T) {
	o := NewOutput(time.Now, func() {})
	for i := range maxLines + 10 {
		o.Line(fmt.Sprint(i, strings.Repeat("é", maxLineBytes)))
		o.Point("loss", int64(i), 1)
	}
	n := o.take()
	if n.first != 11 || len(n.lines) != maxLines || len(n.points) != maxPoints || n.points[0].Step != 10 {
		t.Errorf("%d lines from %d, %d points", len(n.lines), n.first, len(n.points))
	}
	if some := atOnce(n.lines); some < 60 || some > 64 || atOnce(n.lines[:3]) != 3 {
		t.Errorf("%d lines at once", some)
	}
	if text := n.lines[0].Text; len(text) > maxLineBytes || !strings.HasSuffix(text, "é") {
		t.Errorf("a line of %d bytes", len(text))
	}
}
