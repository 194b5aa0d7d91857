package train

import (
	"errors"
	"testing"

	"g2c/kernels"
)

// counted is a device whose loads fail after a few, and that counts what is open.
type counted struct {
	kernels.Device
	loads, open int
}

var errLoad = errors.New("no room")

func (d *counted) NewState(spec *kernels.StateSpec) (kernels.State, error) {
	s, err := d.Device.NewState(spec)
	d.open++
	return countedState{s, d}, err
}

func (d *counted) Load(p *kernels.Program, s kernels.State) (kernels.Exec, error) {
	if d.loads == 0 {
		return nil, errLoad
	}
	d.loads--
	e, err := d.Device.Load(p, s.(countedState).State)
	d.open++
	return countedExec{e, d}, err
}

type countedState struct {
	kernels.State
	d *counted
}

func (s countedState) Close() error { s.d.open--; return s.State.Close() }

type countedExec struct {
	kernels.Exec
	d *counted
}

func (e countedExec) Close() error { e.d.open--; return e.Exec.Close() }

// A device that is full part of the way leaves nothing open.
func TestAFailedLoadLeavesNothingOpen(t *testing.T) {
	d := &counted{Device: device(t), loads: 2}
	task, _ := gan(d, 1e-4)
	_, _, err := NewDebugger(d, task)
	if !errors.Is(err, errLoad) || d.open != 0 {
		t.Errorf("pretrain: %v, %d open", err, d.open)
	}
	d.loads = 2
	task, _ = tuning(d, 0)
	_, _, err = NewDebugger(d, task)
	if !errors.Is(err, errLoad) || d.open != 0 {
		t.Errorf("finetune: %v, %d open", err, d.open)
	}
}
