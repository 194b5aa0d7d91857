package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"testing"

	"g2c/api"
	"g2c/api/client"
	"g2c/api/rpcerr"
	apiv1 "g2c/api/v1"
	"g2c/checkpoint"
	"g2c/checkpoint/store"
	"g2c/coordinator/server"
	"g2c/coordinator/state"
)

// finish stores a final manifest of a task and returns the name of its manifest.
func finish(t *testing.T, s store.Store, w api.Work) string {
	t.Helper()
	description, err := json.Marshal(w.Task)
	if err != nil {
		t.Fatal(err)
	}
	m, err := checkpoint.New(s).Save(t.Context(), checkpoint.Snapshot{
		Kind: checkpoint.Kind(w.Task.Kind), Task: w.Key.String(), Class: w.Task.Numerics, Step: 1, Final: true, Description: description,
		Payloads: map[string]store.Body{checkpoint.Weights: bytes.NewReader([]byte(w.Key.String()))},
	})
	if err != nil {
		t.Fatal(err)
	}
	return m.Key()
}

// await waits until the state is so.
func await(t *testing.T, n *node, what string, so func(*state.Snapshot) bool) {
	t.Helper()
	for {
		s := n.memory.Snapshot()
		if so(s) {
			return
		}
		select {
		case <-n.memory.Advanced(s.Index()):
		case <-t.Context().Done():
			t.Fatalf("it never was so: %s", what)
		}
	}
}

// What is done is what has its result. One that is gone is made again when somebody asks
// for it, or when somebody waits for it; one that is found counts, whoever made it.
func TestResultsThatAreGone(t *testing.T) {
	results := emptyStore(t)
	n := single(t, func(c *server.Config) { c.Store = results })
	c := call(t, nil, n)
	asked, waited, lasting := work("asked"), work("waited"), work("lasting")
	reader := work("reader", waited.Key)
	manifests := map[string]string{}
	for _, w := range []api.Work{asked, waited, lasting} {
		manifests[w.Name()] = finish(t, results, w)
	}
	if r := submit(t, c, "first", asked, lasting); r.Done != 2 {
		t.Fatalf("%d are done that have results", r.Done)
	}
	submit(t, c, "second", waited, reader)
	for _, name := range []string{"asked", "waited"} {
		if err := results.Delete(context.Background(), manifests[name]); err != nil {
			t.Fatal(err)
		}
	}
	status := func(w api.Work) func(*state.Snapshot) state.Status {
		return func(s *state.Snapshot) state.Status { return s.Task(w.Key).Status }
	}
	// Somebody waits for this one: the coordinator finds out by itself.
	await(t, n, "the input is made again", func(s *state.Snapshot) bool { return status(waited)(s) == state.Pending })
	if got := status(asked)(n.memory.Snapshot()); got != state.Done {
		t.Errorf("nobody asks for it, and it is %s", got)
	}
	if r := submit(t, c, "third", asked, lasting); r.Done != 1 {
		t.Errorf("%d of two are done, want 1", r.Done)
	}
	if got := status(asked)(n.memory.Snapshot()); got != state.Pending {
		t.Errorf("somebody asks for it, and it is %s", got)
	}
	finish(t, results, waited)
	await(t, n, "what was found is done", func(s *state.Snapshot) bool { return status(waited)(s) == state.Done })
	if got := status(lasting)(n.memory.Snapshot()); got != state.Done {
		t.Errorf("what has its result is %s", got)
	}
}

// The same request id with another content is an error, at the service and before
// anything is done; with the same content it is a repeat, though ids are drawn anew.
func TestARequestIDMeansItsContent(t *testing.T) {
	n := single(t, nil)
	c := call(t, nil, n)
	id := client.RequestID()
	send := func(name string, w api.Work) (string, error) {
		s, err := c.Experiments().Submit(t.Context())
		if err != nil {
			return "", err
		}
		for _, m := range []*apiv1.SubmitRequest{
			{Part: &apiv1.SubmitRequest_Header{Header: &apiv1.SubmitHeader{RequestId: id, Name: name}}},
			{Part: &apiv1.SubmitRequest_Works{Works: &apiv1.SubmitWorks{Works: [][]byte{w.Encode()}}}},
		} {
			if err := s.Send(m); err != nil {
				return "", err
			}
		}
		r, err := s.CloseAndRecv()
		return r.GetExperiment(), rpcerr.FromStatus(err)
	}
	first, err := send("e", work("a"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := send("e", work("a")); err != nil || again != first {
		t.Errorf("a repeat made %q, %v; want %q", again, err, first)
	}
	for what, try := range map[string]func() error{
		"another name": func() error { _, err := send("f", work("a")); return err },
		"another work": func() error { _, err := send("e", work("b")); return err },
		"another command": func() error {
			_, err := c.Cluster().SetProject(t.Context(), &apiv1.SetProjectRequest{RequestId: id, Name: "p", Weight: 1})
			return err
		},
	} {
		if err := try(); !errors.Is(err, rpcerr.RequestReused) {
			t.Errorf("%s under the same id: %v", what, err)
		}
	}
	quota := &apiv1.SetProjectRequest{RequestId: client.RequestID(), Name: "p", Weight: 1, Quota: 2}
	if _, err := c.Cluster().SetProject(t.Context(), quota); err != nil {
		t.Fatal(err)
	}
	quota.Quota = 3
	if _, err := c.Cluster().SetProject(t.Context(), quota); !errors.Is(err, rpcerr.RequestReused) {
		t.Errorf("another quota under the same id: %v", err)
	}
	if other := call(t, as(server.Client, "other"), n); true {
		if _, err := other.Cluster().SetProject(t.Context(), quota); err != nil {
			t.Errorf("the id of another caller: %v", err)
		}
	}
}
