package runners

import (
	"cmp"
	"context"
	"encoding/json"
	"syscall"
	"time"

	"g2c/internal/fault"
)

// probeTime is what opening all devices may take.
const probeTime = 2 * time.Minute

// Probe asks a process that ends at once what the devices of some slots are, so that the
// worker opens none itself.
func Probe(ctx context.Context, cfg Config, numbers ...int) (Found, error) {
	p, err := startProcess(cfg.Command(""), cfg.Stderr)
	if err != nil {
		return Found{}, noProcess(err)
	}
	defer p.conn.close()
	defer func() {
		p.conn.socket.CloseWrite() // it ends by itself
		p.await(exitTime)
	}()
	ctx, cancel := context.WithTimeout(ctx, probeTime)
	defer cancel()
	defer context.AfterFunc(ctx, func() { p.signal(syscall.SIGKILL) })()
	if err := p.conn.send(kindProbe, job{Settings: cfg.Settings, Slots: cfg.Slots, Probe: numbers}); err != nil {
		return Found{}, p.died("look for devices", err)
	}
	for {
		k, body, handed, err := p.conn.receive()
		if handed != nil {
			handed.Close() // nobody sends any
		}
		if err != nil {
			return Found{}, p.died("look for devices", err)
		}
		switch k {
		case kindFound:
			var f Found
			return f, json.Unmarshal(body, &f)
		case kindOutcome:
			var o ended
			if err := json.Unmarshal(body, &o); err != nil {
				return Found{}, err
			}
			return Found{}, cmp.Or(o.Failed.err(), error(fault.New(fault.ErrUnavailable, "the process that looks for devices ended without a word")))
		}
	}
}

// noProcess is the error of a process that cannot be started.
func noProcess(err error) error {
	return fault.New(fault.ErrUnavailable, "start a process for the task: %w", err).WithHint("look at the limits of processes and open files (ulimit)")
}

// await waits for the end of the process, and kills it if it takes too long.
func (p *process) await(most time.Duration) {
	late := time.NewTimer(most)
	defer late.Stop()
	select {
	case <-p.ended:
		return
	case <-late.C:
	}
	p.signal(syscall.SIGKILL)
	<-p.ended
}

// died is the error of a process that has ended, or is made to, and said nothing of it.
func (p *process) died(what string, why error) error {
	p.await(time.Second)
	said := p.words.reason()
	if said != "" {
		said = ": " + said
	}
	return fault.New(fault.ErrUnavailable, "%s: process %d %s%s (%w)", what, p.pid(), p.how(), said, why)
}
