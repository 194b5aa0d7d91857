package cluster

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"g2c/api"
	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/coordinator/fixture"
)

// An experiment as its clients see it.
type standing uint8

const (
	absent standing = iota
	there
	cancelled
)

// The operations of a history. What they are about is an experiment, by the name
// that clients know it by: its request id.
type operation uint8

const (
	opSubmit operation = iota
	opCancel
	opGet
)

type asked struct {
	op   operation
	name string
}

// answered is what came back. Of an operation that got no answer nobody knows
// whether it happened.
type answered struct {
	unknown bool
	saw     standing // of a get
}

// model is what an experiment may do: be made once, however often it is submitted
// under one request id, and be cancelled for good.
var model = (&porcupine.NondeterministicModel{
	Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
		byName := map[string][]porcupine.Operation{}
		for _, o := range history {
			name := o.Input.(asked).name
			byName[name] = append(byName[name], o)
		}
		var parts [][]porcupine.Operation
		for _, part := range byName {
			parts = append(parts, part)
		}
		return parts
	},
	Init: func() []any { return []any{absent} },
	Step: func(state, input, output any) []any {
		was, in, out := state.(standing), input.(asked), output.(answered)
		next := was
		switch {
		case in.op == opSubmit && was == absent:
			next = there
		case in.op == opCancel && was == there:
			next = cancelled
		case in.op == opCancel && was == absent:
			return nil // clients cancel what they know of
		case in.op == opGet && out.saw != was:
			return nil
		}
		if out.unknown && next != was {
			return []any{was, next}
		}
		return []any{next}
	},
	Equal:             func(a, b any) bool { return a == b },
	DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %+v", in, out) },
}).ToModel()

// history is what clients did and saw.
type history struct {
	began time.Time

	mu         sync.Mutex
	operations []porcupine.Operation
	ids        map[string]string // of experiments, by name, once somebody knows
	twice      []string          // names that came back with two ids
	names      []string
	unknown    int
}

// load has clients submit, cancel and get until ctx is done.
func load(ctx context.Context, clients []*client.Client) (h *history, wait func()) {
	h = &history{began: time.Now(), ids: map[string]string{}}
	var group sync.WaitGroup
	for i, c := range clients {
		random := rand.New(rand.NewPCG(*seed, uint64(i)))
		group.Go(func() {
			pace := time.NewTicker(20 * time.Millisecond)
			defer pace.Stop()
			for ctx.Err() == nil {
				h.one(ctx, i, c, random)
				select {
				case <-ctx.Done():
				case <-pace.C:
				}
			}
		})
	}
	return h, group.Wait
}

// one does one operation on one of the late experiments.
func (h *history) one(ctx context.Context, id int, c *client.Client, random *rand.Rand) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	const late = 6 // few enough for clients to meet
	h.mu.Lock()
	if len(h.names) == 0 || random.IntN(12) == 0 {
		h.names = append(h.names, fmt.Sprintf("history-%d-%d", *seed, len(h.names)))
	}
	from := max(0, len(h.names)-late)
	in := asked{name: h.names[from+random.IntN(len(h.names)-from)]}
	experiment := h.ids[in.name]
	h.mu.Unlock()
	switch n := random.IntN(10); {
	case experiment == "" || n < 2:
		in.op = opSubmit
	case n < 3:
		in.op = opCancel
	default:
		in.op = opGet
	}
	call := time.Since(h.began)
	out, experiment, err := do(ctx, c, in, experiment)
	h.record(id, in, out, call, experiment, err)
}

// do makes a call.
func do(ctx context.Context, c *client.Client, in asked, experiment string) (out answered, id string, err error) {
	switch in.op {
	case opSubmit:
		// No worker has such a device: these tasks take no slots from the others.
		var r *apiv1.SubmitResponse
		r, err = c.Submit(ctx, &apiv1.SubmitHeader{RequestId: in.name, Name: in.name, Device: "nowhere"},
			[]api.Work{fixture.Work(in.name, fixture.Options{})})
		id = r.GetExperiment()
	case opCancel:
		_, err = c.Experiments().CancelExperiment(ctx, &apiv1.CancelExperimentRequest{RequestId: client.RequestID(), Id: experiment})
	case opGet:
		var r *apiv1.GetExperimentResponse
		r, err = c.Experiments().GetExperiment(ctx, &apiv1.GetExperimentRequest{Id: experiment})
		switch {
		case errors.Is(err, rpcerr.NotFound):
			out.saw, err = absent, nil
		case r.GetExperiment().GetState() == apiv1.ExperimentState_EXPERIMENT_STATE_CANCELLED:
			out.saw = cancelled
		default:
			out.saw = there
		}
	}
	out.unknown = err != nil
	return out, id, err
}

func (h *history) record(id int, in asked, out answered, call time.Duration, experiment string, err error) {
	back := time.Since(h.began)
	h.mu.Lock()
	defer h.mu.Unlock()
	if experiment != "" {
		if known := h.ids[in.name]; known != "" && known != experiment {
			h.twice = append(h.twice, in.name)
		}
		h.ids[in.name] = experiment
	}
	o := porcupine.Operation{ClientId: id, Input: in, Output: out, Call: call.Nanoseconds(), Return: back.Nanoseconds()}
	if err != nil {
		if in.op == opGet {
			return // it says nothing
		}
		h.unknown++
		o.Return = math.MaxInt64 // it may happen at any time from now on
	}
	h.operations = append(h.operations, o)
}

// check holds the history to the model.
func (h *history) check(t *testing.T) {
	t.Helper()
	counts := map[operation]int{}
	for _, o := range h.operations {
		counts[o.Input.(asked).op]++
	}
	t.Logf("history: %d submits, %d cancels, %d gets of %d experiments; %d without an answer",
		counts[opSubmit], counts[opCancel], counts[opGet], len(h.names), h.unknown)
	if len(h.twice) > 0 {
		t.Errorf("experiments that were made twice: %v", h.twice)
	}
	if counts[opSubmit] < 20 || counts[opCancel] < 10 || counts[opGet] < 100 {
		t.Error("too short a history to say anything")
	}
	result, info := porcupine.CheckOperationsVerbose(model, h.operations, time.Minute)
	if result == porcupine.Ok {
		return
	}
	t.Errorf("the history is not linearizable: %s", result)
	path := filepath.Join(t.ArtifactDir(), "history.html")
	if err := porcupine.VisualizePath(model, info, path); err != nil {
		t.Error(err)
	}
	t.Logf("drawn in %s; keep it with -artifacts", path)
}
