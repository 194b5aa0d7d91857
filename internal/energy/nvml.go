//go:build gpu

package energy

import (
	"fmt"
	"strings"
	"sync"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
)

// NVML is the counters of NVIDIA cards, which count since their driver was loaded.
type NVML struct {
	cards []nvml.Device
	names []string

	mu   sync.Mutex
	from []uint64 // millijoules when this was opened
}

// OpenNVML finds cards by their UUIDs, as "GPU-…". Cards before Volta have no counter.
func OpenNVML(lib nvml.Interface, uuids []string) (*NVML, error) {
	if ret := lib.Init(); ret != nvml.SUCCESS {
		return nil, fmt.Errorf("%w: NVML: %v", ErrNone, ret)
	}
	n := &NVML{}
	for _, uuid := range uuids {
		card, ret := lib.DeviceGetHandleByUUID(uuid)
		if ret != nvml.SUCCESS {
			return nil, fmt.Errorf("%w: NVML has no card %s: %v", ErrNone, uuid, ret)
		}
		name, ret := card.GetName()
		if ret != nvml.SUCCESS {
			name = uuid
		}
		n.cards, n.names = append(n.cards, card), append(n.names, name)
	}
	from, err := n.read()
	n.from = from
	return n, err
}

func (n *NVML) read() ([]uint64, error) {
	var out []uint64
	for i, card := range n.cards {
		v, ret := card.GetTotalEnergyConsumption()
		if ret != nvml.SUCCESS {
			return nil, fmt.Errorf("%w: NVML: the energy of %s: %v", ErrNone, n.names[i], ret)
		}
		out = append(out, v)
	}
	return out, nil
}

// Joules implements Meter.
func (n *NVML) Joules() (float64, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, err := n.read()
	if err != nil {
		return 0, err
	}
	sum := 0.0
	for i, v := range now {
		if v < n.from[i] {
			return 0, fmt.Errorf("energy: the counter of %s was set back", n.names[i])
		}
		sum += float64(v-n.from[i]) / 1e3
	}
	return sum, nil
}

// Name implements Meter.
func (n *NVML) Name() string { return "NVML: " + strings.Join(n.names, ", ") }
