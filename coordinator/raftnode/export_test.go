package raftnode

import "github.com/hashicorp/raft"

// Diverge changes the hashes that a node remembers, as if its state were another.
func (n *Node) Diverge() {
	n.machine.mu.Lock()
	defer n.machine.mu.Unlock()
	marks := append([]hashMark(nil), n.machine.marks...)
	for i := range marks {
		marks[i].Hash[0] ^= 1
	}
	n.machine.marks = marks
}

// MarkEvery is how many commands lie between two hashes that nodes compare.
const MarkEvery = markEvery

// Hang has a node's state hang at its next entry until the function that it returns is
// called.
func (n *Node) Hang() (release func()) {
	held := make(chan struct{})
	n.machine.fail = func(error) { <-held }
	n.raft.Apply([]byte{batchVersion + 1}, 0)
	return func() { close(held) }
}

// ConnectionsOfOne is how many connections to the API a certificate may have.
const ConnectionsOfOne = connectionsOfOne

// Transport is what raft sends with.
type Transport = transport

// Disturb puts a transport between raft and the network.
func (c *Config) Disturb(with func(Transport) Transport) { c.disturb = with }

// Turn has raft's main goroutine take up what waits for it, or is about to: it picks
// at random.
func (n *Node) Turn() {
	for range 1000 {
		n.raft.BootstrapCluster(raft.Configuration{}).Error()
	}
}
