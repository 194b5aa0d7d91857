package raftnode

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
)

// watch looks at the other nodes and at the disk now and then.
func (n *Node) watch() {
	tick := time.NewTicker(n.config.Timing.Watch)
	defer tick.Stop()
	w := &watcher{node: n, moved: time.Now(), compaction: compaction{node: n, ended: make(chan error, 1)}}
	for {
		n.visit()
		w.look()
		select {
		case <-tick.C:
		case <-n.stopped.Done():
			return
		case <-n.failed:
			return
		}
	}
}

// watcher remembers what was seen last.
type watcher struct {
	node       *Node
	applied    uint64
	moved      time.Time // when applied last changed
	warned     time.Time
	compaction compaction
}

// soon is how long before its certificate ends a node speaks of it, hourly.
const soon = 7 * 24 * time.Hour

func (w *watcher) look() {
	n := w.node
	if end := n.config.Identity.Self().NotAfter; time.Until(end) < soon && time.Since(w.warned) > time.Hour {
		w.warned = time.Now()
		n.config.Log.Warn("the certificate of this coordinator ends soon: issue a new one, no restart is needed", "ends", end)
	}
	if n.raft.State() == raft.Shutdown {
		n.fail(ErrRemoved) // raft stops a leader that was removed
		return
	}
	n.checkRoom()
	w.progress(time.Now(), n.raft.AppliedIndex(), n.raft.CommitIndex())
	w.compaction.look(time.Now(), n.machine.entry.Load())
}

// progress stops a node that stands still: others answer in its place. Raft counts as
// applied what it has handed to the state, so the state is asked as well.
func (w *watcher) progress(now time.Time, applied, committed uint64) {
	n := w.node
	if applied != w.applied || applied >= committed {
		w.applied, w.moved = applied, now
	} else if now.Sub(w.moved) > n.config.Timing.Stuck {
		n.fail(fmt.Errorf("%w: entries up to %d are committed, and for %v nothing after %d was applied", ErrStuck, committed, n.config.Timing.Stuck, applied))
	}
	if n.machine.hangs(now) > n.config.Timing.Stuck {
		n.fail(fmt.Errorf("%w: the state applies the same entries, up to %d, for more than %v", ErrStuck, applied, n.config.Timing.Stuck))
	}
}

// visit asks all other members at once how they do, and acts on it.
func (n *Node) visit() {
	var all []raft.Server
	self := n.dir.id.member().String()
	for _, s := range n.servers() {
		if string(s.ID) != self {
			all = append(all, s)
		}
	}
	reports := n.askAll(n.stopped, all)
	replaced := map[string]bool{}
	n.mu.Lock()
	for i, s := range all {
		if !reports[i].at.IsZero() {
			n.reports[string(s.ID)] = reports[i]
		}
		replaced[string(s.ID)] = reports[i].replaced
	}
	n.replaced = replaced
	n.mu.Unlock()
	n.noteCaughtUp(reports)
	n.checkRemoved(reports)
	n.checkHashes(reports)
	if n.leads() != nil {
		n.promote(all, reports)
	}
}

// askAll asks some servers at once. Who does not answer leaves a report that never came.
func (n *Node) askAll(ctx context.Context, all []raft.Server) []report {
	reports := make([]report, len(all))
	var work sync.WaitGroup
	for i, s := range all {
		if string(s.ID) == n.dir.id.member().String() {
			continue
		}
		work.Go(func() {
			r, err := n.askMember(ctx, s)
			if err != nil {
				n.config.Log.Debug("a node does not answer", "node", s.ID, "err", err)
				reports[i].replaced = errors.Is(err, ErrReplaced)
				return
			}
			reports[i] = r
		})
	}
	work.Wait()
	return reports
}

// unknownAfter is how many looks in a row find a leader that does not know this node
// before it believes that it was removed: a leader that is cut off may be behind, and
// does not lead for so long.
const unknownAfter = 3

// checkRemoved believes leaders alone: others may be behind.
func (n *Node) checkRemoved(reports []report) {
	unknown := ""
	for _, r := range reports {
		if r.Leads && r.Knows {
			unknown = ""
			break
		}
		if r.Leads {
			unknown = r.Member
		}
	}
	if unknown == "" {
		n.unknown = 0
		return
	}
	if n.unknown++; n.unknown >= unknownAfter {
		n.fail(fmt.Errorf("%w, as %s says, which leads it", ErrRemoved, unknown))
	}
}

// checkHashes compares states at indexes that several nodes have seen. The one that
// a majority contradicts, all of whom agree, is wrong and stops; the others say so
// and go on.
func (n *Node) checkHashes(reports []report) {
	_, own := n.machine.late()
	mine := map[uint64][32]byte{}
	for _, m := range own {
		mine[m.Index] = m.Hash
	}
	against := map[hashMark]int{}
	for _, r := range reports {
		for _, m := range r.Marks {
			if h, ok := mine[m.Index]; ok && h != m.Hash {
				against[m]++
			}
		}
	}
	for m, count := range against {
		if count > (len(reports)+1)/2 {
			n.fail(fmt.Errorf("%w: after command %d it is %x here and %x on %d others: this node has a fault of memory or program; keep its folder for study",
				ErrDiverged, m.Index, short(mine[m.Index]), short(m.Hash), count))
			return
		}
		n.config.Log.Error("another node's state differs", "command", m.Index, "here", fmt.Sprintf("%x", short(mine[m.Index])), "there", fmt.Sprintf("%x", short(m.Hash)))
	}
}

func short(h [32]byte) []byte { return h[:6] }

// nearly is how many entries behind a learner may be and vote.
const nearly = 64

// promote lets learners vote that have caught up.
func (n *Node) promote(all []raft.Server, reports []report) {
	for i, s := range all {
		r := reports[i]
		if s.Suffrage == raft.Voter || r.at.IsZero() || r.Cluster != n.dir.id.Cluster || r.Applied+nearly < n.raft.CommitIndex() {
			continue
		}
		if err := n.await(n.raft.AddVoter(s.ID, s.Address, 0, n.config.Timing.Transfer)); err != nil {
			n.config.Log.Info("a learner does not vote yet", "node", s.ID, "err", err)
		}
	}
}
