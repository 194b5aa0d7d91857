package server

import (
	"context"
	"fmt"
	"go/ast"
	"go/parser"
	gotoken "go/token"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"g2c/api"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/replica"
	"g2c/internal/clock"
)

func byNobody(context.Context) (Caller, error) { return Caller{Role: Local, Name: "test"}, nil }

// Every refusal of the state has a meaning on the wire.
func TestEveryRefusalHasAKind(t *testing.T) {
	file, err := parser.ParseFile(gotoken.NewFileSet(), "../state/errors.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, m := range meanings {
		known[m.err.Error()] = true
		if got := rpcerr.KindOf(explain(fmt.Errorf("doing: %w", m.err))); got != m.kind {
			t.Errorf("%v is %s, want %s", m.err, got.Reason, m.kind.Reason)
		}
	}
	n := 0
	ast.Inspect(file, func(node ast.Node) bool {
		call, ok := node.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		text := strings.Trim(call.Args[0].(*ast.BasicLit).Value, `"`)
		n++
		if !known[text] && !strings.Contains(text, "snapshot") { // those are of files
			t.Errorf("the state refuses with %q, which has no kind", text)
		}
		return true
	})
	if n < 10 {
		t.Fatalf("only %d refusals found: the search is broken", n)
	}
	if k := rpcerr.KindOf(explain(&replica.NotLeader{})); k != rpcerr.NoLeader {
		t.Errorf("not leading is %s", k.Reason)
	}
}

// A bucket lets a burst through and then as many as its rate, and knows callers
// apart.
func TestLimiter(t *testing.T) {
	c := clock.NewFake(time.UnixMilli(0))
	l := newLimiter(Limits{CallsPerSecond: 2, Burst: 3}, c)
	passed := func(caller string) (n int) {
		for l.allow(caller) {
			n++
		}
		return n
	}
	if a, b := passed("a"), passed("b"); a != 3 || b != 3 {
		t.Errorf("%d and %d pass at once, want 3", a, b)
	}
	c.Advance(time.Second)
	if a := passed("a"); a != 2 {
		t.Errorf("%d pass after a second, want 2", a)
	}
	c.Advance(time.Hour)
	if a := passed("a"); a != 3 {
		t.Errorf("%d pass after an hour, want 3", a)
	}
	for i := range 2 * maxBuckets {
		c.Advance(time.Second)
		l.allow(fmt.Sprint(i))
	}
	if len(l.buckets) > maxBuckets {
		t.Errorf("%d callers are remembered", len(l.buckets))
	}
}

// Lines said again are kept once, and old ones go.
func TestJournalLines(t *testing.T) {
	j := newJournals(1<<20, clock.Real{})
	k := fixture.Data("task")
	say := func(worker string, generation, first uint64, texts ...string) {
		m := &apiv1.TaskLogs{Generation: generation, First: first}
		for _, text := range texts {
			m.Lines = append(m.Lines, &apiv1.TaskLogLine{Text: text})
		}
		j.logs(k, worker, m)
	}
	heard := func(from uint64, tail int) string {
		lines, _, _, _ := j.read(k, from, tail)
		var out []string
		for _, l := range lines {
			out = append(out, l.Text)
		}
		return strings.Join(out, " ")
	}
	say("w1", 1, 1, "a", "b")
	say("w1", 1, 2, "b", "c") // b again
	say("w2", 1, 1, "x")
	say("w1", 2, 1, "d")
	if got := heard(1, 0); got != "a b c x d" {
		t.Errorf("heard %q", got)
	}
	if got := heard(1, 2); got != "x d" {
		t.Errorf("the last two are %q", got)
	}
	if got := heard(4, 0); got != "x d" {
		t.Errorf("from the fourth: %q", got)
	}
	_, next, lost, more := j.read(k, 1, 0)
	if next != 6 || lost {
		t.Errorf("next is %d, lost %v", next, lost)
	}
	say("w1", 2, 2, "e")
	<-more
	for i := range uint64(3 * maxLines) {
		say("w3", 1, i+1, "line")
	}
	lines, next, lost, _ := j.read(k, 1, 0)
	if len(lines) != maxLines || !lost || next != 3*maxLines+7 {
		t.Errorf("%d lines, next %d, lost %v", len(lines), next, lost)
	}
}

// A journal's curves are thinned, not cut off, and what a task computes again after
// a restart replaces what it had.
func TestJournalCurves(t *testing.T) {
	j := newJournals(1<<20, clock.Real{})
	k := fixture.Data("task")
	for step := range uint64(10 * maxPoints) {
		j.metrics(k, &apiv1.TaskMetrics{Points: []*apiv1.Point{{Name: "loss", Step: step, Value: float64(step)}}})
	}
	c := j.curves(k, nil)
	if len(c) != 1 || len(c[0].Steps) > maxPoints || len(c[0].Steps) < maxPoints/4 {
		t.Fatalf("%d series, %d points", len(c), len(c[0].Steps))
	}
	for i, s := range c[0].Steps {
		if c[0].Values[i] != float64(s) || i > 0 && s <= c[0].Steps[i-1] {
			t.Fatalf("point %d: step %d, value %v", i, s, c[0].Values[i])
		}
	}
	j.metrics(k, &apiv1.TaskMetrics{Points: []*apiv1.Point{{Name: "again", Step: 1, Value: 1}, {Name: "again", Step: 2, Value: 2}, {Name: "again", Step: 3, Value: 3}, {Name: "again", Step: 2, Value: 20}}})
	if again := j.curves(k, []string{"again"})[0]; len(again.Steps) != 2 || again.Values[1] != 20 {
		t.Errorf("after a restart: %v", again)
	}
	for i := range 2 * maxSeries {
		j.metrics(k, &apiv1.TaskMetrics{Points: []*apiv1.Point{{Name: fmt.Sprint(i)}}})
	}
	if n := len(j.curves(k, nil)); n != maxSeries {
		t.Errorf("%d series", n)
	}
}

// When workers were heard that are gone is not kept for the whole of a leadership: their
// names may be new ones each time.
func TestSilenceIsForgotten(t *testing.T) {
	c := clock.NewFake(time.UnixMilli(1_000_000))
	g := newRegistry(c, 10*time.Second)
	g.sessions["here"] = &session{}
	for i := range 100 {
		g.heard[fmt.Sprint("w", i)] = c.Now()
	}
	g.heard["here"] = c.Now()
	nobody := func(string) bool { return false }
	c.Advance(g.lease)
	g.forget(nobody)
	if len(g.heard) != 101 {
		t.Errorf("%d are remembered while their leases last", len(g.heard))
	}
	c.Advance(1)
	g.forget(func(worker string) bool { return worker == "w7" })
	if len(g.heard) != 2 || g.heard["here"].IsZero() || g.heard["w7"].IsZero() {
		t.Errorf("%d are remembered: %v", len(g.heard), g.heard)
	}
}

// lagging has written what was proposed, and never shows it.
type lagging struct{ *replica.Memory }

func (lagging) Advanced(uint64) <-chan struct{} { return nil }

// A caller whose time is over hears that nobody knows, if its write went out.
func TestAWriteThatOutlivesItsCaller(t *testing.T) {
	m := replica.NewMemory("c1", time.Now)
	s := &replicated{lagging{m}, clock.Real{}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-m.Advanced(0)
		cancel()
	}()
	_, err := s.propose(ctx, command.Entry{Command: command.SetProject{Project: "p", Weight: 2}})
	if rpcerr.KindOf(err) != rpcerr.OutcomeUnknown {
		t.Errorf("%v", err)
	}
}

// All journals together stay within their limit, and the sums are right.
func TestJournalsAreBounded(t *testing.T) {
	j := newJournals(100_000, clock.Real{})
	r := rand.New(rand.NewPCG(1, 2))
	for i := range uint64(5000) {
		k := fixture.Data(fmt.Sprint(r.IntN(100)))
		switch r.IntN(3) {
		case 0:
			j.logs(k, "w", &apiv1.TaskLogs{Generation: 1, First: i + 1, Lines: []*apiv1.TaskLogLine{{Text: strings.Repeat("x", r.IntN(6000))}}})
		case 1:
			j.metrics(k, &apiv1.TaskMetrics{Points: []*apiv1.Point{{Name: fmt.Sprint(r.IntN(5)), Step: i}}})
		case 2:
			j.progress(k, &apiv1.TaskProgress{Progress: &apiv1.Progress{Step: i}})
			if j.progressOf(k).Step != i {
				t.Fatal("progress is not kept")
			}
		}
		if j.bytes > j.limit {
			t.Fatalf("%d bytes, at most %d", j.bytes, j.limit)
		}
	}
	sum := 0
	for e := j.order.Front(); e != nil; e = e.Next() {
		sum += e.Value.(*journal).bytes
	}
	if sum != j.bytes || len(j.tasks) != j.order.Len() {
		t.Errorf("%d bytes in %d journals, counted %d in %d", sum, j.order.Len(), j.bytes, len(j.tasks))
	}
}

func FuzzPageToken(f *testing.F) {
	f.Add(pageToken("w1"))
	f.Add(pageTokenOfNumber(17))
	f.Add("!")
	f.Fuzz(func(t *testing.T, token string) {
		if n, err := pageFromNumber(token); err == nil && n != 0 {
			if again, err := pageFromNumber(pageTokenOfNumber(n)); err != nil || again != n {
				t.Errorf("%d became %d, %v", n, again, err)
			}
		}
	})
}

// FuzzSubmission feeds the intake bytes from outside: messages, and works in them.
func FuzzSubmission(f *testing.F) {
	header, err := proto.Marshal(&apiv1.SubmitRequest{Part: &apiv1.SubmitRequest_Header{Header: &apiv1.SubmitHeader{RequestId: "r", Name: "n"}}})
	if err != nil {
		f.Fatal(err)
	}
	w := fixture.Work("HE", fixture.Options{})
	works, err := proto.Marshal(&apiv1.SubmitRequest{Part: &apiv1.SubmitRequest_Works{Works: &apiv1.SubmitWorks{Works: [][]byte{w.Encode()}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(header, works)
	f.Add(works, header)
	f.Add([]byte{}, []byte{1})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		messages := [][]byte{a, b}
		in, err := readSubmission(func() (*apiv1.SubmitRequest, error) {
			if len(messages) == 0 {
				return nil, io.EOF
			}
			m := &apiv1.SubmitRequest{}
			if err := proto.Unmarshal(messages[0], m); err != nil {
				return nil, rpcerr.New(rpcerr.BadRequest, "%w", err)
			}
			messages = messages[1:]
			return m, nil
		}, func(int64) error { return nil })
		if err != nil {
			if k := rpcerr.KindOf(err); k == rpcerr.Internal {
				t.Errorf("%v has no kind", err)
			}
			return
		}
		for i := range in.works {
			if k := in.works[i].Task.Key(); k != in.works[i].Key || in.works[i].Task.Validate() != nil {
				t.Errorf("a bad work passed")
			}
		}
	})
}

// An id is a name that people can type, whatever the experiment is called, and never
// looks like a task's key.
func TestExperimentIDs(t *testing.T) {
	for name, want := range map[string]string{"Glomeruli 1": "glomeruli-1-", "": "experiment-", "ÄÖ/..": "experiment-", "a_b-c/": "a_b-c-"} {
		id := experimentID(name)
		if !strings.HasPrefix(id, want) || len(id) != len(want)+8 || api.IsKeyPrefix(id) {
			t.Errorf("%q is called %q", name, id)
		}
	}
	if experimentID("a") == experimentID("a") {
		t.Error("two experiments have one id")
	}
}

// What cannot work is refused at the start.
func TestConfigIsValidated(t *testing.T) {
	for what, spoil := range map[string]func(*Config){
		"no replica":  func(c *Config) { c.Replica = nil },
		"short lease": func(c *Config) { c.Lease = c.Heartbeat },
		"no keeping":  func(c *Config) { c.Keep = 0 },
		"no calls":    func(c *Config) { c.Limits.Burst = 0 },
	} {
		c := DefaultConfig()
		c.Replica, c.Identify = replica.NewMemory("c1", time.Now), byNobody
		if err := c.Validate(); err != nil {
			t.Fatal(err)
		}
		spoil(&c)
		if _, err := New(c); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}
