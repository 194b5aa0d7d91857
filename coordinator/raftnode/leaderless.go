package raftnode

import (
	"time"

	"github.com/hashicorp/raft"
)

// countLeaderless says for how long this node knew of no leader, each time that it knows of one
// again: what an election or a handover took, as clients felt it.
func (n *Node) countLeaderless() {
	seen := make(chan raft.Observation, 16) // raft does not wait for whoever reads it
	o := raft.NewObserver(seen, false, func(o *raft.Observation) bool {
		_, ok := o.Data.(raft.LeaderObservation)
		return ok
	})
	n.raft.RegisterObserver(o)
	defer n.raft.DeregisterObserver(o)
	var since time.Time // zero while a leader is known
	for {
		select {
		case <-n.stopped.Done():
			return
		case o := <-seen:
			l := o.Data.(raft.LeaderObservation)
			switch {
			case l.LeaderID == "" && since.IsZero():
				since = time.Now()
			case l.LeaderID != "" && !since.IsZero():
				n.config.Log.Info("a leader is known again", "leader", l.LeaderID, "without", time.Since(since).Round(time.Millisecond))
				since = time.Time{}
			}
		}
	}
}

// noteCaughtUp notes once, since this node started, that it has what a leader had: from then on
// raft keeps it as close as it can.
func (n *Node) noteCaughtUp(reports []report) {
	applied := n.raft.AppliedIndex()
	for _, r := range reports {
		if r.Leads && r.Knows && r.Applied <= applied+nearly {
			n.caughtUp.Store(true)
		}
	}
}
