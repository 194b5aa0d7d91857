package raftnode

import (
	"context"
	"log/slog"
	"net"
	"time"

	"g2c/coordinator/command"
	"g2c/coordinator/raftnode/journal"
	"g2c/coordinator/replica"
	"g2c/internal/fault"
	"g2c/internal/pki"
)

// Config is what a node is made of. Of Single, Bootstrap and Join a folder that is
// new needs one; one that has been in a cluster ignores all three.
type Config struct {
	ID       string        // its name; that of its certificate
	Dir      string        // the data folder
	Listener net.Listener  // plain TCP; the node owns it
	Address  string        // host:port where others reach it; the listener's if empty
	Identity *pki.Identity // of role coordinator

	Single    bool           // found a cluster of this node alone
	Bootstrap []replica.Peer // found a cluster of these, this node among them
	Join      []string       // addresses of a cluster to become a member of

	Log  *slog.Logger
	Now  func() time.Time
	Dial func(ctx context.Context, address string) (net.Conn, error) // plain TCP to another node

	Timing  Timing
	Storage Storage
	Level   int // newest level of commands it reads; a test plays an older release with it

	disturb func(transport) transport // tests lose, delay and repeat raft's messages with it
}

// Timing is how long a node waits for others.
type Timing struct {
	Heartbeat time.Duration // a follower hears nothing for so long: it looks for another leader
	Election  time.Duration // a candidate tries again
	Lease     time.Duration // a leader that hears of no majority steps down
	Commit    time.Duration // followers hear at the latest what was committed
	Network   time.Duration // a connection, or a short exchange with another node
	Transfer  time.Duration // what is on its way to another disk does not move for so long, or a change waits for raft
	Watch     time.Duration // between looks at the other nodes and at the disk
	Stuck     time.Duration // entries are committed and not applied for so long: the node fails
}

// Storage is how much a node keeps.
type Storage struct {
	MinFree       int64                           // bytes free on the disk below which the node stops before it must
	Free          func(dir string) (int64, error) // how much is free
	SnapshotBytes int64                           // a log of more is compacted
	SnapshotEvery uint64                          // and one of more entries since the last snapshot
	Trailing      uint64                          // entries kept before a snapshot, for nodes a little behind
	TrailingBytes int64                           // and bytes of them at most, beside one segment of the journal
	Journal       journal.Options
}

// DefaultTiming has a leader's death noticed within half a second. At 300 ms and a
// lease of 200 a machine with four times more to do than cores elected falsely once
// in ten minutes. The lease is as long as it may be: reads do not rest on it, and a
// leader that stood still for a moment need not step down.
func DefaultTiming() Timing {
	return Timing{
		Heartbeat: 400 * time.Millisecond,
		Election:  400 * time.Millisecond,
		Lease:     400 * time.Millisecond,
		Commit:    20 * time.Millisecond,
		Network:   2 * time.Second,
		Transfer:  5 * time.Second,
		Watch:     2 * time.Second,
		Stuck:     time.Minute,
	}
}

// DefaultStorage suits a disk of a few gigabytes.
func DefaultStorage() Storage {
	return Storage{
		MinFree:       64 << 20,
		Free:          freeBytes,
		SnapshotBytes: 256 << 20,
		SnapshotEvery: 16 << 10,
		Trailing:      4 << 10,
		TrailingBytes: 64 << 20,
	}
}

// DefaultConfig fills what need not be chosen.
func DefaultConfig() Config {
	return Config{
		Log:     slog.Default(),
		Now:     time.Now,
		Timing:  DefaultTiming(),
		Storage: DefaultStorage(),
		Level:   command.Level,
		Dial: func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
	}
}

// Validate refuses what cannot work.
func (c *Config) Validate() error {
	if c.Listener == nil || c.Identity == nil || c.Dir == "" {
		return fault.New(fault.ErrSpec, "a coordinator needs a data folder, a listener and a certificate")
	}
	if self := c.Identity.Self(); self.Role != pki.Coordinator || self.Name != c.ID {
		return fault.New(fault.ErrSpec, "coordinator %q has the certificate of %s", c.ID, self).
			WithHint("issue one with `g2c certs issue --role coordinator --name %s`", c.ID)
	}
	if host, _, err := net.SplitHostPort(c.place()); err != nil {
		return fault.New(fault.ErrSpec, "address %q: %w", c.place(), err)
	} else if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return fault.New(fault.ErrSpec, "address %q is none that others can dial", c.place()).WithHint("listen on one address of this host, or name the one that others use")
	}
	chosen := 0
	for _, is := range []bool{c.Single, len(c.Bootstrap) > 0, len(c.Join) > 0} {
		if is {
			chosen++
		}
	}
	if chosen > 1 {
		return fault.New(fault.ErrSpec, "single, bootstrap and join exclude each other")
	}
	if len(c.Bootstrap) > 0 {
		return c.validateFounders()
	}
	return nil
}

func (c *Config) validateFounders() error {
	seen := map[string]bool{}
	for _, p := range c.Bootstrap {
		if _, err := parseMember(p.ID + "/0000000000000000"); err != nil || p.Address == "" || seen[p.ID] {
			return fault.New(fault.ErrSpec, "peers: %q at %q: want each name once, with its address (c1@host:port)", p.ID, p.Address)
		}
		seen[p.ID] = true
		if p.ID == c.ID && p.Address != c.place() {
			return fault.New(fault.ErrSpec, "peers have %s at %s, and it is reached at %s", p.ID, p.Address, c.place())
		}
	}
	if !seen[c.ID] {
		return fault.New(fault.ErrSpec, "peers do not name this coordinator, %s", c.ID)
	}
	return nil
}

// place is where others reach this node.
func (c *Config) place() string {
	if c.Address != "" {
		return c.Address
	}
	return c.Listener.Addr().String()
}
