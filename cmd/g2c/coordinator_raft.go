package main

import (
	"context"
	"log/slog"
	"strings"

	"g2c/coordinator/raftnode"
	"g2c/coordinator/replica"
	"g2c/internal/fault"
	"g2c/internal/pki"
	"g2c/internal/pki/grpctls"
)

// openRaft opens a replica with its log on disk. A folder that is new waits here for
// the cluster that it is to be part of.
func openRaft(ctx context.Context, f *coordinatorFlags, id *pki.Identity, log *slog.Logger) (*openedNode, error) {
	cfg := raftnode.DefaultConfig()
	cfg.ID, cfg.Dir, cfg.Identity, cfg.Log, cfg.Address = f.id, f.dataDir, id, log, f.advertise
	cfg.Single, cfg.Dial = f.single, f.routes.dial
	var err error
	if cfg.Bootstrap, err = parsePeers(f.peers); err != nil {
		return nil, err
	}
	if f.join != "" {
		cfg.Join = strings.Split(f.join, ",")
	}
	if cfg.Listener, err = listen(f.listen); err != nil {
		return nil, err
	}
	n, err := raftnode.Open(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return &openedNode{
		replica: n, members: n, listener: n.API(), credentials: grpctls.Server(id), encrypted: true,
		failed: n.Done(), failure: n.Err, close: n.Close,
	}, nil
}

// parsePeers reads the coordinators that found a cluster.
func parsePeers(text string) ([]replica.Peer, error) {
	if text == "" {
		return nil, nil
	}
	var peers []replica.Peer
	for p := range strings.SplitSeq(text, ",") {
		name, address, ok := strings.Cut(strings.TrimSpace(p), "@")
		if !ok || name == "" || address == "" {
			return nil, fault.New(fault.ErrSpec, "--peers %q is not id@host:port", p)
		}
		peers = append(peers, replica.Peer{ID: name, Address: address})
	}
	return peers, nil
}
