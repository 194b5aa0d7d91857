package main

import (
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"g2c/internal/fault"
	"g2c/kernels"
)

// card is a device that nothing runs on.
type card struct {
	kernels.Device
	name, class string
	closed      *[]string
}

func (c card) Class() string { return c.class }

func (c card) Close() error {
	*c.closed = append(*c.closed, c.name)
	return nil
}

// machine has so many GPUs, all but the odd one of one class; the broken one does not
// open. The number -1 is none.
func machine(gpus, odd, broken int) (b backends, closed *[]string) {
	closed = new([]string)
	b.gpus = func() (int, error) {
		if gpus == 0 {
			return 0, fault.New(fault.ErrUnavailable, "no driver")
		}
		return gpus, nil
	}
	b.open = func(name string) (kernels.Device, error) {
		n := slices.Index([]string{"cuda:0", "cuda:1", "cuda:2", "cuda:3"}, name)
		switch {
		case n >= 0 && n == broken:
			return nil, fault.New(fault.ErrUnavailable, "%s is broken", name)
		case n >= 0 && n == odd:
			return card{name: name, class: "odd", closed: closed}, nil
		}
		return card{name: name, class: "same", closed: closed}, nil
	}
	return b, closed
}

// Every slot has a GPU of its own; slots on the processor share it.
func TestASlotIsADevice(t *testing.T) {
	for _, c := range []struct {
		flag string
		gpus int
		want string
	}{
		{"cuda:3", 4, "cuda:0 cuda:1 cuda:2"},
		{"cuda", 4, "cuda:0"},
		{"auto:2", 2, "cuda:0 cuda:1"},
		{"auto:2", 0, "cpu cpu"},
		{"cpu:3", 4, "cpu cpu cpu"},
		{"ref", 0, "ref"},
	} {
		b, closed := machine(c.gpus, -1, -1)
		device, n, err := parseSlots(c.flag)
		if err != nil {
			t.Fatal(err)
		}
		all, err := b.slots(b.kind(device), n)
		if err != nil {
			t.Errorf("%s: %v", c.flag, err)
		}
		var names []string
		for _, s := range all {
			names = append(names, s.name)
			if got := s.device.(card).name; got != s.name {
				t.Errorf("%s: the slot %s has the device %s", c.flag, s.name, got)
			}
		}
		if got := strings.Join(names, " "); got != c.want || len(*closed) > 0 {
			t.Errorf("%s with %d GPUs: %s, want %s; %v were closed", c.flag, c.gpus, got, c.want, *closed)
		}
	}
}

// What --slots cannot have is refused in words, and what was opened is closed again.
func TestSlotsThatAreNotThere(t *testing.T) {
	for _, c := range []struct {
		flag              string
		gpus, odd, broken int
		class             error
		says              string
		closed            string
	}{
		{"cuda:4", 2, -1, -1, fault.ErrUnavailable, "asks for 4 GPUs, and there are 2", ""},
		{"cuda:1", 0, -1, -1, fault.ErrUnavailable, "asks for 1 GPU, and there is none: no driver", ""},
		{"cuda:3", 3, -1, 2, fault.ErrUnavailable, "cuda:2 is broken", "cuda:0 cuda:1"},
		{"cuda:2", 2, 1, -1, fault.ErrSpec, "--slots cuda:2: devices of numerics classes same and odd", "cuda:0 cuda:1"},
	} {
		b, closed := machine(c.gpus, c.odd, c.broken)
		device, n, err := parseSlots(c.flag)
		if err != nil {
			t.Fatal(err)
		}
		if _, err = b.slots(b.kind(device), n); !errors.Is(err, c.class) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.flag, err)
		}
		if got := strings.Join(*closed, " "); got != c.closed {
			t.Errorf("%s: closed %q, want %q", c.flag, got, c.closed)
		}
	}
	for _, flag := range []string{"", ":1", "cuda:0", "cuda:0,1", "cuda:x", "cpu:5000"} {
		if _, _, err := parseSlots(flag); !errors.Is(err, fault.ErrSpec) {
			t.Errorf("--slots %q: %v", flag, err)
		}
	}
}

// The verb that runners are says what it is for to whoever calls it by hand.
func TestARunnerIsForWorkers(t *testing.T) {
	c := exec.Command(os.Args[0], runnerVerb)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != fault.ExitSpec || !strings.Contains(string(out), "no worker has started this process") {
		t.Errorf("%v: %s", err, out)
	}
}
