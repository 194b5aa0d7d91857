//go:build gpu

package energy

import (
	"errors"
	"testing"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
)

// cards is NVML with two cards whose counters a test moves.
func cards(counters map[string]*uint64, found nvml.Return) nvml.Interface {
	return &mock.Interface{
		InitFunc: func() nvml.Return { return found },
		DeviceGetHandleByUUIDFunc: func(uuid string) (nvml.Device, nvml.Return) {
			at, ok := counters[uuid]
			if !ok {
				return nil, nvml.ERROR_NOT_FOUND
			}
			return &mock.Device{
				GetNameFunc: func() (string, nvml.Return) { return "card " + uuid, nvml.SUCCESS },
				GetTotalEnergyConsumptionFunc: func() (uint64, nvml.Return) {
					if at == nil {
						return 0, nvml.ERROR_NOT_SUPPORTED
					}
					return *at, nvml.SUCCESS
				},
			}, nvml.SUCCESS
		},
	}
}

// Cards are added up, from where they stood, and with the processor's counters.
func TestNVML(t *testing.T) {
	a, b := uint64(5000), uint64(100)
	lib := cards(map[string]*uint64{"a": &a, "b": &b, "old": nil}, nvml.SUCCESS)
	n, err := OpenNVML(lib, []string{"a", "b"})
	if err != nil {
		t.Fatal(err)
	}
	want(t, n, 0)
	a, b = 6500, 600
	want(t, n, 2)
	if n.Name() != "NVML: card a, card b" {
		t.Errorf("it is called %q", n.Name())
	}
	both := Sum{n, n}
	want(t, both, 4)
	if both.Name() != "NVML: card a, card b; NVML: card a, card b" {
		t.Errorf("together: %q", both.Name())
	}
	a = 10
	if _, err := n.Joules(); err == nil {
		t.Error("a counter that was set back")
	}
	if _, err := both.Joules(); err == nil {
		t.Error("together with one that was set back")
	}
	for _, uuid := range []string{"old", "none"} {
		if _, err := OpenNVML(lib, []string{"a", uuid}); !errors.Is(err, ErrNone) {
			t.Errorf("%s: %v", uuid, err)
		}
	}
	if _, err := OpenNVML(cards(nil, nvml.ERROR_LIBRARY_NOT_FOUND), nil); !errors.Is(err, ErrNone) {
		t.Errorf("without NVML: %v", err)
	}
}
