package raftnode

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"g2c/coordinator/replica"
	"g2c/internal/fault"
)

// settle takes a new data folder into a cluster.
//
// Nodes that found one must all be there at once, with new folders: each asks the
// others for their births, and the cluster is made of just these. So a folder that
// is lost later cannot found it again: the others are in it already, with another
// birth of this name.
func (n *Node) settle(ctx context.Context) error {
	switch c := &n.config; {
	case c.Single:
		return n.enter([]string{string(n.dir.id.member().address(c.place()))})
	case len(c.Bootstrap) > 0:
		return n.retry(ctx, "found a cluster", func() (bool, error) { return n.tryFound(ctx) })
	case len(c.Join) > 0:
		return n.retry(ctx, "join the cluster", func() (bool, error) { return n.tryJoin(ctx) })
	}
	return fault.New(fault.ErrSpec, "%w: %s", ErrNew, n.dir.path).
		WithHint("--join a cluster that runs, or --bootstrap a new one; if this node was in a cluster, its data is lost: remove it there first")
}

// retry tries until it is done, is refused for good, or the context ends.
func (n *Node) retry(ctx context.Context, what string, try func() (done bool, err error)) error {
	tick := time.NewTicker(min(n.config.Timing.Watch, 250*time.Millisecond))
	defer tick.Stop()
	said := ""
	for {
		done, err := try()
		if done {
			return err
		}
		if err.Error() != said {
			said = err.Error()
			n.config.Log.Info("waiting to "+what, "because", err)
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.ErrUnavailable, "%s: %w; last: %w", what, ctx.Err(), err)
		case <-tick.C:
		}
	}
}

// tryFound asks all other founders, and believes any that has a cluster. An error
// that is not done is why to wait.
func (n *Node) tryFound(ctx context.Context) (done bool, err error) {
	founders := []string{string(n.dir.id.member().address(n.config.place()))}
	for _, p := range n.config.Bootstrap {
		if p.ID == n.config.ID {
			continue
		}
		r, wrong := n.askPlace(ctx, p.Address, p.ID, n.self())
		if wrong != nil {
			err = errors.Join(err, wrong)
			continue
		}
		if r.Cluster != "" {
			return true, n.follow(r)
		}
		m, wrong := parseMember(r.Member)
		if err = errors.Join(err, wrong); wrong == nil {
			founders = append(founders, string(m.address(p.Address)))
		}
	}
	if err != nil {
		return false, err
	}
	return true, n.enter(founders)
}

// follow enters a cluster that another founder has made, if it made it with this
// very folder.
func (n *Node) follow(r report) error {
	if slices.Contains(r.Founders, string(n.dir.id.member().address(n.config.place()))) {
		return n.enter(r.Founders)
	}
	return fault.New(fault.ErrData, "%w: cluster %s, as %s says; this folder, %s, is new", ErrReplaced, r.Cluster, r.Member, n.dir.path).
		WithHint("if its data is lost, remove %s from the cluster and start it with --join", n.config.ID)
}

func (n *Node) enter(founders []string) error {
	founders = slices.Clone(founders)
	slices.Sort(founders)
	return n.dir.enter(clusterOf(founders), founders)
}

// tryJoin asks the nodes it knows, and whom they call the leader, for membership.
func (n *Node) tryJoin(ctx context.Context) (done bool, err error) {
	a := n.self()
	a.Join = true
	asked := map[string]bool{}
	for places := slices.Clone(n.config.Join); len(places) > 0; places = places[1:] {
		place := places[0]
		if asked[place] {
			continue
		}
		asked[place] = true
		r, wrong := n.askPlace(ctx, place, "", a)
		if wrong == nil && r.Error == "" && r.Cluster != "" {
			// Founders are those of the cluster, not of this log.
			return true, n.dir.enter(r.Cluster, nil)
		}
		if wrong == nil {
			wrong = errors.New(r.Error)
			if r.Leader != "" {
				places = append(places, r.Leader)
			}
		}
		err = errors.Join(err, fault.New(fault.ErrUnavailable, "%s: %w", place, wrong))
	}
	return false, err
}

// servers is raft's newest configuration.
func (n *Node) servers() []raft.Server {
	f := n.raft.GetConfiguration()
	if f.Error() != nil {
		return nil
	}
	return f.Configuration().Servers
}

func sortPeers(p []replica.Peer) {
	slices.SortFunc(p, func(a, b replica.Peer) int {
		switch {
		case a.ID < b.ID:
			return -1
		case a.ID > b.ID:
			return 1
		}
		return 0
	})
}
