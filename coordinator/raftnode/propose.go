package raftnode

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/raft"

	"g2c/coordinator/command"
	"g2c/coordinator/replica"
	"g2c/coordinator/state"
	"g2c/internal/fault"
)

// proposal is a command on its way.
type proposal struct {
	data []byte
	done chan outcome // has room for one
}

type outcome struct {
	result state.Result
	err    error
}

// ErrUncertain is a write of which nobody knows whether it was or will be applied.
var ErrUncertain = errors.New("it is not known whether this was written")

// Propose implements replica.Replica.
func (n *Node) Propose(ctx context.Context, e command.Entry) (state.Result, error) {
	p, err := n.begin(ctx, e)
	if err != nil {
		return state.Result{}, err
	}
	return n.end(ctx, p)
}

// ProposeAll implements replica.Replica: entries go into batches one after the other,
// and batches into the log in order.
func (n *Node) ProposeAll(ctx context.Context, entries []command.Entry) (results []state.Result, err error) {
	var begun []*proposal
	for _, e := range entries {
		var p *proposal
		if p, err = n.begin(ctx, e); err != nil {
			break
		}
		begun = append(begun, p)
	}
	for _, p := range begun {
		r, lost := n.end(ctx, p)
		if lost != nil {
			return results, lost
		}
		results = append(results, r)
	}
	return results, err
}

// begin sends a command on its way.
func (n *Node) begin(ctx context.Context, e command.Entry) (*proposal, error) {
	if n.leads() == nil {
		return nil, n.refusal()
	}
	if err := n.checkLevel(ctx, e.Command); err != nil {
		return nil, err
	}
	if e.At == 0 {
		e.At = n.config.Now().UnixMilli()
	}
	data, err := command.Encode(e)
	if err != nil {
		return nil, err
	}
	p := &proposal{data: data, done: make(chan outcome, 1)}
	select {
	case n.proposals <- p:
		return p, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.failed:
		return nil, replica.ErrClosed
	}
}

// end waits for what becomes of it.
func (n *Node) end(ctx context.Context, p *proposal) (state.Result, error) {
	select {
	case o := <-p.done:
		return o.result, o.err
	case <-ctx.Done():
		return state.Result{}, ctx.Err()
	case <-n.failed:
		return state.Result{}, replica.ErrClosed
	}
}

// refusal is why this node does not write.
func (n *Node) refusal() error {
	select {
	case <-n.failed:
		return replica.ErrClosed
	default:
		return n.notLeader()
	}
}

// checkLevel refuses what another replica could not read, and a level that one of
// them does not have. One that cannot be asked may not have it either; but where nothing
// was ever submitted nothing is lost if that one has to be of this release before it can
// take part, and a new cluster works while one of its coordinators is still to come.
func (n *Node) checkLevel(ctx context.Context, c command.Command) error {
	snapshot := n.Snapshot()
	have := snapshot.Level()
	if need := command.LevelOf(c); need > have {
		verb, _ := command.Describe(c)
		return fault.New(fault.ErrUnavailable, "%w: %s needs level %d, and the cluster is at %d", command.ErrNewer, verb, need, have).
			WithHint("once all coordinators run this release, raise the level")
	}
	raise, ok := c.(command.Raise)
	if !ok || raise.Level <= have {
		return nil
	}
	if raise.Level > n.config.Level {
		return fault.New(fault.ErrSpec, "%w: level %d; this release has up to %d", command.ErrNewer, raise.Level, n.config.Level)
	}
	for _, s := range n.servers() {
		if string(s.ID) == n.dir.id.member().String() {
			continue
		}
		r, err := n.askMember(ctx, s)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && !snapshot.Submitted():
			n.config.Log.Info("the level of a new cluster is raised without asking one that is not there", "level", raise.Level, "member", string(s.ID), "why", err)
			continue
		case err != nil:
			m, _ := parseMember(string(s.ID)) // or it would not have been asked
			return fault.New(fault.ErrUnavailable, "level %d: %w: %s is to say whether it reads it: %w", raise.Level, replica.ErrAway, m.name, err).
				WithHint("start %s, or take it out for good with `g2c members remove %s`", m.name, m.name)
		}
		if r.Level < raise.Level {
			return fault.New(fault.ErrUnavailable, "%w: %s reads up to level %d, not %d", command.ErrNewer, s.ID, r.Level, raise.Level).
				WithHint("run this release there first")
		}
	}
	return nil
}

// inFlight is how many batches are under way at a time. With two, one gathers while
// the other is written; more only makes them smaller.
const inFlight = 2

// propose gathers proposals into batches: whatever has come while earlier ones were
// under way goes together, so a lone writer never waits and a crowd shares.
func (n *Node) propose() {
	slots := make(chan struct{}, inFlight)
	var left *proposal // did not fit the batch before
	for {
		first := left
		if left = nil; first == nil {
			select {
			case first = <-n.proposals:
			case <-n.stopped.Done():
				return
			}
		}
		select {
		case slots <- struct{}{}:
		case <-n.stopped.Done():
			return
		}
		var batch []*proposal
		batch, left = n.gather(first)
		f := n.commit(batch) // here: two goroutines would race for the earlier place
		n.work.Go(func() {
			n.conclude(batch, f)
			<-slots
		})
	}
}

// gather takes what waits, and what did not fit.
func (n *Node) gather(first *proposal) (batch []*proposal, left *proposal) {
	batch = append(batch, first)
	size := len(first.data)
	for len(batch) < maxBatch {
		select {
		case p := <-n.proposals:
			if size += len(p.data); size > maxBatchBytes {
				return batch, p
			}
			batch = append(batch, p)
		default:
			return batch, nil
		}
	}
	return batch, nil
}

// commit puts a batch into the log.
func (n *Node) commit(batch []*proposal) raft.ApplyFuture {
	data := make([][]byte, len(batch))
	for i, p := range batch {
		data[i] = p.data
	}
	return n.raft.Apply(encodeBatch(data), n.config.Timing.Transfer)
}

// conclude tells those who wait what became of a batch.
func (n *Node) conclude(batch []*proposal, f raft.ApplyFuture) {
	err := n.translate(n.await(f))
	var results []state.Result
	if err == nil {
		switch r := f.Response().(type) {
		case []state.Result:
			results = r
		case error:
			err = r
		}
	}
	for i, p := range batch {
		if err != nil {
			p.done <- outcome{err: err}
			continue
		}
		p.done <- outcome{result: results[i]}
	}
}

// translate makes an error of raft one of replica's: NotLeader only if surely
// nothing was written.
func (n *Node) translate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return n.notLeader()
	case errors.Is(err, raft.ErrRaftShutdown):
		return replica.ErrClosed
	}
	return fault.New(fault.ErrUnavailable, "%w: %w", ErrUncertain, err).WithHint("repeat it under the same request id")
}

// errNoSuchPeer is a name that no member has.
func errNoSuchPeer(id string) error {
	return fault.New(fault.ErrNotFound, "%w", fmt.Errorf("no coordinator %q in the cluster", id))
}
