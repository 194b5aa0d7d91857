package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The rivals. All but the slots are processes; slots are goroutines of one.
const (
	rivalGRPC  = "gRPC fp32"
	rivalHalf  = "gRPC bf16"
	rivalTLS   = "gRPC fp32, TLS 1.3"
	rivalTCP   = "bare TCP fp32"
	rivalSlots = "slots of one runner"
	rivalGloo  = "Gloo fp32"
)

// rival is a set of ranks, that run all the time and wait for their turns.
type rival struct {
	name string
	result
	ranks  []*process
	folder string
}

// process is one rank.
type process struct {
	command *exec.Cmd
	in      io.WriteCloser
	out     *bufio.Reader
}

func start(name string, ranks, size int) (*rival, error) {
	r := &rival{name: name, result: result{rival: name, ranks: ranks, bytes: size}}
	wire := map[string]string{rivalGRPC: "grpc", rivalHalf: "grpc", rivalTLS: "tls", rivalTCP: "tcp", rivalSlots: "none"}[name]
	var err error
	if r.folder, err = os.MkdirTemp("", "allreduce"); err != nil {
		return nil, err
	}
	processes := ranks
	if name == rivalSlots {
		processes = 1
	}
	for i := range processes {
		command := []string{*rank, "-wire", wire, "-rank", fmt.Sprint(i), "-ranks", fmt.Sprint(ranks), "-bytes", fmt.Sprint(size), fmt.Sprintf("-half=%v", name == rivalHalf)}
		if name == rivalGloo {
			command = []string{*python, *gloo, fmt.Sprint(i), fmt.Sprint(ranks), fmt.Sprint(size), filepath.Join(r.folder, "meet")}
		}
		p, err := launch(command)
		if err != nil {
			return nil, errors.Join(err, r.close())
		}
		r.ranks = append(r.ranks, p)
	}
	if name != rivalSlots && name != rivalGloo {
		if err := r.introduce(); err != nil {
			return nil, errors.Join(err, r.close())
		}
	}
	return r, nil
}

func launch(command []string) (*process, error) {
	c := exec.Command(command[0], command[1:]...)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &process{c, in, bufio.NewReader(out)}, c.Start()
}

// introduce tells each rank where all of them listen.
func (r *rival) introduce() error {
	var addresses []string
	for _, p := range r.ranks {
		line, err := p.out.ReadString('\n')
		if err != nil {
			return err
		}
		addresses = append(addresses, strings.TrimSpace(line))
	}
	return r.tell(strings.Join(addresses, " "))
}

func (r *rival) tell(line string) error {
	for _, p := range r.ranks {
		if _, err := fmt.Fprintln(p.in, line); err != nil {
			return err
		}
	}
	return nil
}

// turn runs a round that is not counted, and then some that are.
func (r *rival) turn(rounds int) error {
	if _, err := r.run(1); err != nil {
		return err
	}
	all, err := r.run(rounds)
	if err != nil {
		return err
	}
	for i := range rounds {
		slowest := 0.0
		for _, m := range all {
			slowest = max(slowest, m.Seconds[i])
		}
		r.seconds = append(r.seconds, slowest)
	}
	for _, m := range all {
		r.cpu += m.CPU
		r.garbage += m.Garbage
	}
	return nil
}

// measured is what a rank says of its rounds.
type measured struct {
	Seconds []float64 `json:"seconds"`
	CPU     float64   `json:"cpu"`
	Garbage float64   `json:"garbage"`
}

func (r *rival) run(rounds int) ([]measured, error) {
	if err := r.tell(fmt.Sprint(rounds)); err != nil {
		return nil, err
	}
	all := make([]measured, len(r.ranks))
	for i, p := range r.ranks {
		line, err := p.out.ReadBytes('\n')
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(line, &all[i]); err != nil || len(all[i].Seconds) != rounds {
			return nil, fmt.Errorf("a rank says %q: %w", line, err)
		}
	}
	return all, nil
}

// close ends the ranks' input, and with it them.
func (r *rival) close() error {
	var errs []error
	for _, p := range r.ranks {
		errs = append(errs, p.in.Close())
	}
	for _, p := range r.ranks {
		errs = append(errs, p.command.Wait())
	}
	return errors.Join(append(errs, os.RemoveAll(r.folder))...)
}
