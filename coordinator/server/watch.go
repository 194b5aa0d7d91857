package server

import (
	"time"

	"google.golang.org/grpc"

	apiv1 "g2c/api/v1"
	"g2c/coordinator/state"
)

// Limits of a watch.
const (
	recordsOfMessage = 200
	watchGap         = 50 * time.Millisecond // between two rounds: changes come in crowds
)

type watchStream = grpc.ServerStreamingServer[apiv1.WatchResponse]

// watcher tells one caller of changes.
type watcher struct {
	stream     watchStream
	experiment string
	seen       map[uint64]string // experiments that it was told of, by number
}

// Watch implements apiv1.ExperimentServiceServer.
func (s *experiments) Watch(req *apiv1.WatchRequest, stream watchStream) error {
	ctx := stream.Context()
	v, during, err := s.readDuring(ctx)
	if err != nil {
		return err
	}
	if req.Experiment != "" {
		if _, err := v.experimentOf(req.Experiment); err != nil {
			return err
		}
	}
	w := &watcher{stream: stream, experiment: req.Experiment, seen: map[uint64]string{}}
	after := req.AfterIndex
	for {
		if err := s.auth.still(v.who); err != nil {
			return err
		}
		if err := w.tell(v, after); err != nil {
			return err
		}
		after = v.Index()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-during.ctx.Done():
			return s.leadsNoMore()
		case <-s.Advanced(after):
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.clock.After(watchGap):
		}
		v = &view{Snapshot: s.Snapshot(), who: v.who, live: during}
	}
}

// tell tells of what changed after an index, or lists everything.
func (w *watcher) tell(v *view, after uint64) error {
	b := &batch{stream: w.stream, m: &apiv1.WatchResponse{Index: v.Index()}}
	changes, ok := v.ChangesSince(after)
	if after == 0 || !ok || after > v.Index() {
		b.m.Anew = true
		if err := w.list(v, b); err != nil {
			return err
		}
		return b.flush(false)
	}
	told := map[state.Change]bool{}
	for i := len(changes) - 1; i >= 0; i-- { // oldest first
		c := changes[i]
		c.Index = 0
		if told[c] {
			continue
		}
		told[c] = true
		if err := w.change(v, b, c, told); err != nil {
			return err
		}
	}
	if len(b.m.Tasks)+len(b.m.Experiments)+len(b.m.Forgotten) == 0 && !b.sent {
		return nil
	}
	return b.flush(false)
}

func (w *watcher) change(v *view, b *batch, c state.Change, told map[state.Change]bool) error {
	switch c.Kind {
	case state.ExperimentChanged:
		return w.tellExperiment(v, b, c.Seq)
	case state.TaskChanged:
		t := v.TaskAt(c.Seq)
		if t == nil {
			return nil
		}
		mine := false
		for _, e := range v.ExperimentsOf(t) {
			if !w.wants(v, e) {
				continue
			}
			mine = true
			// How an experiment stands follows from its tasks.
			of := state.Change{Kind: state.ExperimentChanged, Seq: e.Seq}
			if !told[of] {
				told[of] = true
				if err := w.tellExperiment(v, b, e.Seq); err != nil {
					return err
				}
			}
		}
		if mine {
			b.m.Tasks = append(b.m.Tasks, v.task(t))
		}
		return b.flushIfFull()
	}
	return nil
}

func (w *watcher) wants(v *view, e *state.Experiment) bool {
	return v.who.sees(e.Project) && (w.experiment == "" || e.ID == w.experiment)
}

func (w *watcher) tellExperiment(v *view, b *batch, seq uint64) error {
	e := v.ExperimentAt(seq)
	switch {
	case e == nil && w.seen[seq] != "":
		b.m.Forgotten = append(b.m.Forgotten, w.seen[seq])
		delete(w.seen, seq)
	case e != nil && w.wants(v, e):
		w.seen[seq] = e.ID
		b.m.Experiments = append(b.m.Experiments, v.experiment(e))
	}
	return b.flushIfFull()
}

// list tells of everything.
func (w *watcher) list(v *view, b *batch) error {
	clear(w.seen)
	for e := range v.Experiments(0) {
		if w.wants(v, e) {
			if err := w.tellExperiment(v, b, e.Seq); err != nil {
				return err
			}
		}
	}
	return v.eachTaskSeen(w.experiment, func(t *state.Task) error {
		b.m.Tasks = append(b.m.Tasks, v.task(t))
		return b.flushIfFull()
	})
}

// eachTaskSeen visits the tasks that the caller may see: an experiment's, or all.
func (v *view) eachTaskSeen(experiment string, visit func(*state.Task) error) error {
	var err error
	if e := v.eachTask(experiment, 0, func(t *state.Task) bool {
		if v.seesTask(t) {
			err = visit(t)
		}
		return err == nil
	}); e != nil {
		return e
	}
	return err
}

// batch gathers records into messages of one index.
type batch struct {
	stream watchStream
	m      *apiv1.WatchResponse
	sent   bool
}

func (b *batch) flushIfFull() error {
	if len(b.m.Tasks)+len(b.m.Experiments)+len(b.m.Forgotten) < recordsOfMessage {
		return nil
	}
	return b.flush(true)
}

func (b *batch) flush(more bool) error {
	b.m.More, b.sent = more, true
	err := b.stream.Send(b.m)
	b.m = &apiv1.WatchResponse{Index: b.m.Index}
	return err
}
