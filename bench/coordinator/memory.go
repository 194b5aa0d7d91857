package main

import (
	"bytes"
	"fmt"
	"runtime"

	"g2c/coordinator/state"
)

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// measureMemory says what a state and a planner that follows it take. The state is
// read from a snapshot, as on a node that has just started.
func measureMemory() ([]row, error) {
	snapshot, err := crowdedSnapshot()
	if err != nil {
		return nil, err
	}
	before := heap()
	s, err := state.Decode(bytes.NewReader(snapshot))
	if err != nil {
		return nil, err
	}
	held := heap() - before
	c := &cluster{state: s, now: 1}
	c.plan()
	planner := heap() - before - held
	runtime.KeepAlive(c)
	runtime.KeepAlive(snapshot)
	return []row{
		{"memory of the state, 100,000 tasks", mib(held), ""},
		{"memory of the scheduler's indexes beside it", mib(planner), ""},
	}, nil
}

func mib(n uint64) string { return fmt.Sprintf("%.0f MiB", float64(n)/(1<<20)) }

func crowdedSnapshot() ([]byte, error) {
	c, err := crowded()
	if err != nil {
		return nil, err
	}
	if err := c.apply(c.plan().Commands...); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = c.state.Encode(&b)
	return b.Bytes(), err
}

// measureSnapshot times what a node does with its state: take it, write it, read
// it, compare it.
func measureSnapshot() ([]row, error) {
	b, err := crowdedSnapshot()
	if err != nil {
		return nil, err
	}
	var s *state.State
	read, err := times(5, func() (err error) {
		s, err = state.Decode(bytes.NewReader(b))
		return err
	})
	if err != nil {
		return nil, err
	}
	out := bytes.NewBuffer(make([]byte, 0, len(b)+1<<20))
	write, err := times(5, func() error {
		out.Reset()
		return s.Snapshot().Encode(out)
	})
	if err != nil {
		return nil, err
	}
	take, err := times(1000, func() error {
		s.Snapshot()
		return nil
	})
	if err != nil {
		return nil, err
	}
	hash, err := times(1000, func() error {
		s.Hash()
		return nil
	})
	return []row{
		{"snapshot taken, 100,000 tasks", take, ""},
		{fmt.Sprintf("snapshot written to memory, %s", mib(uint64(len(b)))), write, ""},
		{"snapshot read back and checked", read, ""},
		{"hash of the state", hash, ""},
	}, err
}
