package runner

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"g2c/api"
	"g2c/coordinator/fixture"
	"g2c/internal/fault"
	"g2c/worker/agent"
)

func assignment(gang api.Gang, workers ...string) agent.Assignment {
	work := fixture.Work("t", fixture.Options{Gang: gang})
	a := agent.Assignment{Task: work.Key, Generation: 1, Slots: 1, Work: &work}
	for _, w := range workers {
		a.Gang = append(a.Gang, agent.Part{Worker: w, Slots: 1})
	}
	return a
}

func output() *agent.Output { return agent.NewOutput(time.Now, func() {}) }

// A gang over workers without addresses says so, and is not the task's fault: another place
// may do.
func TestAGangOfWorkersNeedsPeers(t *testing.T) {
	err := NewExecutor(NewPool("w1", &Runner{Device: device{}}), nil).Run(t.Context(), agent.NewGang(assignment(api.Gang{Min: 2, Max: 2}, "w1", "w2")), output())
	if !errors.Is(err, fault.ErrUnavailable) || errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), "on 2 workers") {
		t.Errorf("%v", err)
	}
}

// A task that changes its slots has as many devices, and gives back what it does not need.
func TestHoldingsAreResized(t *testing.T) {
	var all []*Runner
	for range 4 {
		all = append(all, &Runner{Device: device{}})
	}
	pool := NewPool("w1", all...)
	h := &holding{slots: pool}
	if _, err := h.take(t.Context(), 2); err != nil {
		t.Fatal(err)
	}
	for _, slots := range []int{2, 4, 1, 3} {
		devices, err := h.resize(t.Context(), slots)
		if err != nil || len(devices) != slots || len(pool.idle) != 4-slots {
			t.Errorf("%d slots have %d devices, and leave %d: %v", slots, len(devices), len(pool.idle), err)
		}
	}
	ctx, stop := context.WithCancel(t.Context())
	stop()
	if _, err := h.resize(ctx, 9); !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("%v", err)
	}
	h.give()
	if len(pool.idle) != 4 {
		t.Errorf("%d runners came back", len(pool.idle))
	}
}
