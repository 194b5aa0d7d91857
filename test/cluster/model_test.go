package cluster

import (
	"testing"

	"github.com/anishathalye/porcupine"
)

// The model takes what can happen and nothing else: otherwise histories prove nothing.
func TestTheModelKnowsWrongHistories(t *testing.T) {
	op := func(call, back int64, o operation, out answered) porcupine.Operation {
		return porcupine.Operation{Input: asked{o, "a"}, Output: out, Call: call, Return: back}
	}
	unknown := answered{unknown: true}
	for _, c := range []struct {
		what string
		ok   bool
		ops  []porcupine.Operation
	}{
		{"submitted, seen, cancelled, seen", true, []porcupine.Operation{
			op(0, 1, opSubmit, answered{}), op(2, 3, opGet, answered{saw: there}), op(4, 5, opCancel, answered{}), op(6, 7, opGet, answered{saw: cancelled}),
		}},
		{"an acknowledged submission is lost", false, []porcupine.Operation{op(0, 1, opSubmit, answered{}), op(2, 3, opGet, answered{saw: absent})}},
		{"a stale read after the cancel", false, []porcupine.Operation{
			op(0, 1, opSubmit, answered{}), op(2, 3, opCancel, answered{}), op(4, 5, opGet, answered{saw: there}),
		}},
		{"a read beside the cancel", true, []porcupine.Operation{
			op(0, 1, opSubmit, answered{}), op(2, 6, opCancel, answered{}), op(3, 4, opGet, answered{saw: there}), op(5, 7, opGet, answered{saw: cancelled}),
		}},
		{"reads that go back in time", false, []porcupine.Operation{
			op(0, 1, opSubmit, answered{}), op(2, 9, opCancel, answered{}), op(3, 4, opGet, answered{saw: cancelled}), op(5, 6, opGet, answered{saw: there}),
		}},
		{"a cancel without an answer may have happened", true, []porcupine.Operation{
			op(0, 1, opSubmit, answered{}), op(2, 99, opCancel, unknown), op(3, 4, opGet, answered{saw: there}), op(5, 6, opGet, answered{saw: cancelled}),
		}},
		{"or not", true, []porcupine.Operation{
			op(0, 1, opSubmit, answered{}), op(2, 99, opCancel, unknown), op(5, 6, opGet, answered{saw: there}),
		}},
		{"nobody submitted it", false, []porcupine.Operation{op(0, 1, opGet, answered{saw: there})}},
	} {
		if got := porcupine.CheckOperations(model, c.ops); got != c.ok {
			t.Errorf("%s: linearizable %v, want %v", c.what, got, c.ok)
		}
	}
}
