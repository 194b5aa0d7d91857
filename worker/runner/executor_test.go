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

// A gang over workers that cannot train together says so, and is not the task's fault:
// another place may do.
func TestAGangOfWorkersIsRefusedInWords(t *testing.T) {
	err := NewExecutor(NewPool("w1", &Runner{Device: device{}})).Run(t.Context(), agent.NewGang(assignment(api.Gang{Min: 2, Max: 2}, "w1", "w2")), output())
	if !errors.Is(err, fault.ErrUnavailable) || errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), "on 2 workers") {
		t.Errorf("%v", err)
	}
}

// The others of a gang that grew keep their slots until they are told to stop.
func TestTheRestOfAGangWaits(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- NewExecutor(NewPool("w2", &Runner{Device: device{}})).Run(ctx, agent.NewGang(assignment(api.Gang{Min: 1, Max: 2}, "w1", "w2")), output())
	}()
	stop()
	if err := <-ended; !errors.Is(err, fault.ErrInterrupted) {
		t.Errorf("%v", err)
	}
}
