package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"g2c/internal/pki"
)

// nodes is a cluster of three processes on this machine.
type nodes struct {
	dir        string
	peers      string
	all        []*process
	lines      chan said
	leadership said // the newest that was heard
}

type process struct {
	name, place string
	cmd         *exec.Cmd
	in          io.WriteCloser
}

// said is a line of a process, and when it came.
type said struct {
	by   *process
	line string
	at   time.Time
}

// patience is how long anything may take before the measurement is given up.
const patience = 60 * time.Second

// startNodes founds a cluster in a new folder under dir.
func startNodes(dir string) (*nodes, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(dir, "cluster-")
	if err != nil {
		return nil, err
	}
	c := &nodes{dir: dir, lines: make(chan said, 1024)}
	if err := pki.InitCA(filepath.Join(dir, "ca")); err != nil {
		return nil, err
	}
	var peers []string
	for i := range 3 {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		p := &process{name: fmt.Sprint("c", i+1), place: ln.Addr().String()}
		ln.Close()
		err = pki.Issue(filepath.Join(dir, "ca"), filepath.Join(dir, "certs", p.name), pki.Request{Role: pki.Coordinator, Name: p.name})
		if err != nil {
			return nil, err
		}
		c.all = append(c.all, p)
		peers = append(peers, p.name+"@"+p.place)
	}
	c.peers = strings.Join(peers, ",")
	for _, p := range c.all {
		if err := c.start(p); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *nodes) start(p *process) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p.cmd = exec.Command(self, "-node", p.name, "-listen", p.place, "-peers", c.peers,
		"-dir", filepath.Join(c.dir, p.name), "-certs", filepath.Join(c.dir, "certs", p.name))
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := p.cmd.Start(); err != nil {
		return err
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			c.lines <- said{p, s.Text(), time.Now()}
		}
	}()
	return nil
}

// kill ends a process as power would.
func (c *nodes) kill(p *process) error { return p.cmd.Process.Kill() }

// stop has a process end in order.
func (c *nodes) stop(p *process) error { return p.in.Close() }

func (c *nodes) close() {
	for _, p := range c.all {
		if p.cmd != nil && p.cmd.ProcessState == nil {
			c.kill(p)
			p.cmd.Wait() // it was killed: the error says so
		}
	}
	os.RemoveAll(c.dir)
}

// wait waits for a line that begins like that; by is who must say it, if not nil.
func (c *nodes) wait(by *process, prefix string) (said, error) {
	end := time.After(patience)
	for {
		select {
		case s := <-c.lines:
			if strings.HasPrefix(s.line, "leadership") {
				c.leadership = s
			}
			if strings.HasPrefix(s.line, prefix) && (by == nil || s.by == by) {
				return s, nil
			}
		case <-end:
			return said{}, fmt.Errorf("no process said %q within %v", prefix, patience)
		}
	}
}

// ask gives an order and waits for its answer.
func (c *nodes) ask(p *process, order, answer string) (string, error) {
	if _, err := fmt.Fprintln(p.in, order); err != nil {
		return "", err
	}
	s, err := c.wait(p, answer)
	return strings.TrimSpace(strings.TrimPrefix(s.line, answer)), err
}

// restart starts a process again and waits until it has all that the leader has.
func (c *nodes) restart(p *process) error {
	if err := c.start(p); err != nil {
		return err
	}
	if _, err := c.wait(p, "ready"); err != nil {
		return err
	}
	index, err := c.ask(c.leadership.by, "index", "index")
	if err == nil {
		_, err = c.ask(p, "reach "+index, "reached")
	}
	return err
}
