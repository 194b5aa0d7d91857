package server_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"g2c/api"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/replica"
	"g2c/coordinator/state"
	"g2c/internal/clock"
)

// levelled is a replica that holds writes to the cluster's level, as one with a log does,
// and refuses to raise it as long as another coordinator says so.
type levelled struct {
	*replica.Memory
	refused chan error // of raises

	mu     sync.Mutex
	refuse error
}

func newLevelled(refuse error) *levelled {
	return &levelled{Memory: replica.NewMemory("c1", time.Now), refused: make(chan error, 100), refuse: refuse}
}

func (l *levelled) allow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refuse = nil
}

func (l *levelled) ProposeAll(ctx context.Context, entries []command.Entry) ([]state.Result, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range entries {
		if need := command.LevelOf(e.Command); need > l.Snapshot().Level() {
			return nil, fmt.Errorf("%w: it needs level %d", command.ErrNewer, need)
		}
		if _, raise := e.Command.(command.Raise); raise && l.refuse != nil {
			l.refused <- l.refuse
			return nil, l.refuse
		}
	}
	return l.Memory.ProposeAll(ctx, entries)
}

// lines keeps what is logged at Info and above.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, string(b))
	return len(b), nil
}

// with counts the lines that say something.
func (l *lines) with(words ...string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.text {
		for _, w := range words {
			if !strings.Contains(line, w) {
				n--
				break
			}
		}
		n++
	}
	return n
}

// late is a work that the first level lacks fields for.
func late(name string) api.Work {
	w := fixture.Work(name, fixture.Options{})
	w.Where.Labelled = &api.Labelled{Folds: 5, Fold: 1}
	return w
}

// A submission to a new cluster does not wait until the leader looks again: it raises the
// cluster first, and an old one does not leave it where it was.
func TestAFirstSubmissionRaises(t *testing.T) {
	for name, w := range map[string]api.Work{"late": late("HE"), "old": work("HE")} {
		r := newLevelled(fmt.Errorf("c2 cannot be asked"))
		cfg := config(r)
		cfg.Clock = clock.NewFake(time.UnixMilli(1)) // the leader looks once
		c := call(t, nil, serve(t, cfg))
		<-r.refused
		if _, err := c.Experiments().ListExperiments(t.Context(), &apiv1.ListExperimentsRequest{}); err != nil {
			t.Fatal(err)
		}
		r.allow()
		submit(t, c, name, w)
		if got := r.Snapshot().Level(); got != command.Level {
			t.Errorf("%s: the cluster is at level %d", name, got)
		}
	}
}

// While a coordinator of an older release is there, what it reads is let in, and what it
// does not is refused in its words.
func TestAFirstSubmissionBesideAnOlderCoordinator(t *testing.T) {
	r := newLevelled(fmt.Errorf("%w: c2 reads up to level 1", command.ErrNewer))
	c := call(t, nil, serve(t, config(r)))
	_, err := c.Submit(t.Context(), &apiv1.SubmitHeader{Name: "late"}, []api.Work{late("HE")})
	if err == nil || !strings.Contains(err.Error(), "c2 reads up to level 1") {
		t.Errorf("a work of a later level: %v", err)
	}
	submit(t, c, "old", work("HE"))
	if got := r.Snapshot().Level(); got != 1 {
		t.Errorf("the cluster is at level %d", got)
	}
}

// Why a new cluster is not raised is said once, where operators see it.
func TestPuttingOffIsSaidOnce(t *testing.T) {
	r, said, fake := newLevelled(fmt.Errorf("c2 cannot be asked")), &lines{}, clock.NewFake(time.UnixMilli(1))
	cfg := config(r)
	cfg.Clock, cfg.Log = fake, slog.New(slog.NewTextHandler(said, nil))
	c := call(t, nil, serve(t, cfg))
	if _, err := c.Tasks().ListTasks(t.Context(), &apiv1.ListTasksRequest{}); err != nil { // it leads
		t.Fatal(err)
	}
	for refused := 0; refused < 3; {
		_, more := fake.Waiters()
		fake.Advance(time.Second)
		select {
		case <-r.refused:
			refused++
		case <-more:
		}
	}
	if n := said.with("level=INFO", "put off", "c2 cannot be asked"); n != 1 {
		t.Errorf("it is said %d times: %q", n, said.text)
	}
}
