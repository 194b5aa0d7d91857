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
	o.is(1)
	o.Started(1)
	o.Started(1)
	o.Line("a\nb\n")
	o.Progress(Progress{Step: 10, Steps: 100})
	now = now.Add(5 * time.Second)
	o.Progress(Progress{Step: 20, Steps: 100})
	o.Point("loss", 20, 0.5)
	n := o.take()
	if woken != 1 || lines(n) != "1/1 a b" || len(n.points) != 1 || n.progress.PerSecond != 2 {
		t.Fatalf("woken %d times, %+v", woken, n)
	}
	if n := o.take(); len(n.said)+len(n.points) != 0 || n.progress != nil {
		t.Fatalf("said twice: %+v", n)
	}
	o.Line("c")
	if n := o.take(); lines(n) != "1/3 c" {
		t.Fatalf("%+v", n)
	}
	o.again()
	if n := o.take(); lines(n) != "1/1 a b c" || len(n.points) != 1 || n.progress == nil {
		t.Fatalf("%+v", n)
	}
}

// lines is what was said: each generation with its number of the first line.
func lines(n news) string {
	var b strings.Builder
	for _, s := range n.said {
		fmt.Fprintf(&b, "%d/%d", s.generation, s.first)
		for _, l := range s.lines {
			b.WriteString(" " + l.Text)
		}
		b.WriteString(";")
	}
	return strings.TrimSuffix(b.String(), ";")
}

// Each generation numbers its lines from one, also when all is said again.
func TestGenerationsNumberTheirLines(t *testing.T) {
	woken := 0
	o := NewOutput(time.Now, func() { woken++ })
	o.is(3)
	o.Started(3)
	o.Line("a\nb")
	if got := lines(o.take()); got != "3/1 a b" {
		t.Error(got)
	}
	o.Line("c")
	o.is(4)
	o.is(4) // its gang has other addresses
	o.Line("d")
	o.is(6)
	if got := lines(o.take()); got != "3/3 c;4/1 d" {
		t.Error(got)
	}
	o.Line("e")
	o.again()
	if got := lines(o.take()); got != "3/1 a b c;4/1 d;6/1 e" {
		t.Error(got)
	}
	o.Started(6)
	o.Started(4)
	if o.Trains() != 6 || woken != 2 {
		t.Errorf("trains as %d, woken %d times", o.Trains(), woken)
	}
	for range maxLines {
		o.Line("x")
	}
	if n := o.take(); len(n.said) != 1 || n.said[0].generation != 6 || n.said[0].first != 2 || len(o.turns) > 3 {
		t.Errorf("%d generations, the first %d from %d; %v", len(n.said), n.said[0].generation, n.said[0].first, o.turns)
	}
}

// A suspicion is said once, and again to another leader.
func TestSuspicions(t *testing.T) {
	o := NewOutput(time.Now, func() {})
	if o.Suspicion() != nil {
		t.Error("somebody is suspected from the start")
	}
	o.Suspect(Suspicion{Generation: 2, Workers: []string{"w1"}})
	if s := o.Suspicion(); s == nil || s.Generation != 2 || o.Suspicion() != nil {
		t.Error("it is not said once")
	}
	o.again()
	if o.Suspicion() == nil {
		t.Error("another leader never hears of it")
	}
}

// What is too much pushes out what is old, and keeps its numbers.
func TestOutputIsBounded(t *testing.T) {
	o := NewOutput(time.Now, func() {})
	o.is(1)
	for i := range maxLines + 10 {
		o.Line(fmt.Sprint(i, strings.Repeat("é", maxLineBytes)))
		o.Point("loss", int64(i), 1)
	}
	n := o.take()
	first, lines := n.said[0].first, n.said[0].lines
	if first != 11 || len(lines) != maxLines || len(n.points) != maxPoints || n.points[0].Step != 10 {
		t.Errorf("%d lines from %d, %d points", len(lines), first, len(n.points))
	}
	if some := atOnce(lines); some < 60 || some > 64 || atOnce(lines[:3]) != 3 {
		t.Errorf("%d lines at once", some)
	}
	if text := lines[0].Text; len(text) > maxLineBytes || !strings.HasSuffix(text, "é") {
		t.Errorf("a line of %d bytes", len(text))
	}
}
