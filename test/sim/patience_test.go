package sim

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"g2c/api"
	"g2c/coordinator/command"
	"g2c/coordinator/fixture"
	"g2c/coordinator/scheduler"
)

// A gang of most of the cluster, on many workers, gets its turn, though small tasks never
// stop coming and it came last: after the policy's patience and the longest of them.
func TestALargeGangIsNotStarved(t *testing.T) {
	const began, longest = 10 * time.Minute, 10 * time.Minute
	cfg := config{seed: 1, workers: 16, duration: 2 * time.Hour, policy: scheduler.DefaultPolicy(), longest: longest}
	patience := time.Duration(cfg.policy.PatienceMS) * time.Millisecond
	w := newWorld(cfg)
	w.raise()
	w.crowd()
	var gang api.Key
	w.after(began, func() { gang = w.submitMany("gang", 1, api.Gang{Min: 60, Max: 60}) })
	w.until(func() bool { t := w.state.Task(gang); return t != nil && t.Parts != nil })
	if w.now < began+patience {
		t.Error("it found its slots free: the world is too tame")
	}
	if w.err != nil {
		t.Fatal(w.err)
	}
	if waited := w.now - began; waited > patience+longest+10*time.Second {
		t.Errorf("it waited %v", waited)
	}
}

// A policy without patience lets a gang starve, and the world sees it.
func TestStarvingIsFound(t *testing.T) {
	w := newWorld(config{seed: 1, workers: 16, duration: 2 * time.Hour, policy: scheduler.DefaultPolicy(), longest: 10 * time.Minute})
	w.cfg.policy.PatienceMS, w.cfg.policy.Span = -1, false
	w.raise()
	w.crowd()
	w.after(10*time.Minute, func() { w.submitMany("gang", 1, api.Gang{Min: 8, Max: 8}) })
	w.until(func() bool { return w.now > w.cfg.duration })
	if w.err == nil || !strings.Contains(w.err.Error(), "gang.0 of default at 0 has waited for") {
		t.Errorf("it ends with %v", w.err)
	}
}

// crowd has small tasks never stop coming, as many as the slots can do: nobody finds
// them free.
func (w *world) crowd() {
	for at := time.Duration(0); at < w.cfg.duration; at += 80 * time.Second {
		w.after(at, func() { w.submitMany(fmt.Sprint("small", at), 16, api.Gang{Min: 1, Max: 1}) })
	}
}

// submitMany asks for tasks that differ in name alone and returns the first's key.
func (w *world) submitMany(name string, n int, gang api.Gang) api.Key {
	c := command.Submit{Experiment: name}
	for i := range n {
		c.Works = append(c.Works, w.work(fmt.Sprintf("%s.%d", name, i), fixture.Options{Gang: gang}))
	}
	w.request(c)
	return c.Works[0].Key
}
