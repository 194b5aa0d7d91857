package main

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"g2c/coordinator/command"
	"g2c/coordinator/raftnode"
	"g2c/coordinator/replica"
	"g2c/internal/pki"
)

// nodeArgs are the arguments of a process that is one coordinator's log.
type nodeArgs struct{ id, listen, peers, dir, certs string }

// runNode is what each process of the cluster under measurement does: it opens a
// node, says "leadership TERM" with the first write it was granted as a leader, and obeys
// the lines it is given.
func runNode(a nodeArgs) error {
	id, err := pki.Load(a.certs)
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", a.listen)
	if err != nil {
		return err
	}
	c := raftnode.DefaultConfig()
	c.Log = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	c.ID, c.Dir, c.Listener, c.Identity = a.id, a.dir, ln, id
	for p := range strings.SplitSeq(a.peers, ",") {
		name, place, _ := strings.Cut(p, "@")
		c.Bootstrap = append(c.Bootstrap, replica.Peer{ID: name, Address: place})
	}
	n, err := raftnode.Open(context.Background(), c)
	if err != nil {
		return err
	}
	say := &speaker{}
	say.line("ready")
	go leaderships(n, say)
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if err := obey(n, in.Text(), say); err != nil {
			return err
		}
	}
	return n.Close() // the parent has gone, or wants it
}

// speaker writes whole lines.
type speaker struct{ mu sync.Mutex }

func (s *speaker) line(format string, a ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Printf(format+"\n", a...)
}

func leaderships(n *raftnode.Node, say *speaker) {
	for {
		leadership, err := n.Leadership(context.Background())
		if err != nil {
			return
		}
		if _, err := n.Propose(leadership, entry(0)); err == nil {
			say.line("leadership %d", n.Status().Term)
		}
		<-leadership.Done()
	}
}

func entry(i int) command.Entry {
	return command.Entry{Command: command.SetProject{Project: fmt.Sprint("p", i%1000), Weight: 1 + i%7}}
}

func obey(n *raftnode.Node, line string, say *speaker) error {
	var clients int
	var index uint64
	var seconds float64
	if k, _ := fmt.Sscanf(line, "write %d %g", &clients, &seconds); k == 2 {
		say.line("wrote %s", writeFor(n, clients, time.Duration(seconds*float64(time.Second))))
		return nil
	}
	if k, _ := fmt.Sscanf(line, "reach %d", &index); k == 1 {
		for n.Snapshot().Index() < index {
			<-n.Advanced(n.Snapshot().Index())
		}
		say.line("reached %d", index)
		return nil
	}
	if line == "index" {
		say.line("index %d", n.Snapshot().Index())
		return nil
	}
	return fmt.Errorf("line %q is no order", line)
}

// writeFor has some clients write one after the other each, and says how many writes
// a second were acknowledged and how long one took.
func writeFor(n *raftnode.Node, clients int, long time.Duration) string {
	took := make([][]time.Duration, clients)
	var all sync.WaitGroup
	began := time.Now()
	for c := range clients {
		all.Go(func() {
			for i := c; time.Since(began) < long; i += clients {
				at := time.Now()
				if _, err := n.Propose(context.Background(), entry(i)); err != nil {
					return
				}
				took[c] = append(took[c], time.Since(at))
			}
		})
	}
	all.Wait()
	spent := time.Since(began).Seconds()
	each := slices.Concat(took...)
	if len(each) == 0 {
		return "0 0s 0s"
	}
	slices.Sort(each)
	return fmt.Sprintf("%.0f %v %v", float64(len(each))/spent, round(each[len(each)/2]), round(each[len(each)*99/100]))
}
