// Package energy reads what processors and cards say that they have used, in joules since
// some beginning of their own: RAPL's counters of the processor's packages and memory, as
// Linux shows them, and NVML's of NVIDIA cards (with the build tag gpu). A counter is of a
// whole package or card, whoever uses it.
//
// A Meter may be used by several goroutines.
package energy

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
)

// Root is where Linux shows RAPL's counters.
const Root = "/sys/class/powercap"

// ErrNone is a machine that does not tell, or not to this user.
var ErrNone = errors.New("no counter of energy can be read")

// Meter is counters that only rise.
type Meter interface {
	// Joules is what was used since the meter was opened.
	Joules() (float64, error)
	// Name says where it comes from, such as "RAPL: package-0, dram".
	Name() string
}

// Sum is several meters as one.
type Sum []Meter

// Joules implements Meter.
func (s Sum) Joules() (float64, error) {
	sum := 0.0
	for _, m := range s {
		j, err := m.Joules()
		if err != nil {
			return 0, err
		}
		sum += j
	}
	return sum, nil
}

// Name implements Meter.
func (s Sum) Name() string {
	var names []string
	for _, m := range s {
		names = append(names, m.Name())
	}
	return strings.Join(names, "; ")
}

// RAPL is the counters of a machine's processors. They run over, after minutes to hours:
// Joules has to be called more often than that.
type RAPL struct {
	mu    sync.Mutex
	zones []zone
	names []string
	total float64 // microjoules
}

type zone struct {
	path     string
	last, of uint64 // microjoules: as read last, and where it runs over
}

// OpenRAPL finds the packages, and the memory beside them, below a folder such as Root.
func OpenRAPL(root string) (*RAPL, error) {
	r := &RAPL{}
	for _, pattern := range []string{"intel-rapl:*", "amd-rapl:*"} {
		paths, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			return nil, fmt.Errorf("energy: %w", err)
		}
		for _, path := range paths {
			if err := r.add(path); err != nil {
				return nil, err
			}
		}
	}
	if len(r.zones) == 0 {
		return nil, ErrNone
	}
	return r, nil
}

// add takes a zone in, if it is a package, or the memory of one: cores are a part of their
// package, and a platform's sum has packages in it.
func (r *RAPL) add(path string) error {
	name, err := readText(filepath.Join(path, "name"))
	if err != nil || !strings.HasPrefix(name, "package") && name != "dram" {
		return nil
	}
	z := zone{path: filepath.Join(path, "energy_uj")}
	if z.last, err = readNumber(z.path); err != nil {
		if errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("%w: %w", ErrNone, err)
		}
		return err
	}
	if z.of, err = readNumber(filepath.Join(path, "max_energy_range_uj")); err != nil {
		return err
	}
	r.zones, r.names = append(r.zones, z), append(r.names, name)
	return nil
}

// Joules implements Meter.
func (r *RAPL) Joules() (float64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.zones {
		z := &r.zones[i]
		now, err := readNumber(z.path)
		if err != nil {
			return 0, err
		}
		if now >= z.last {
			r.total += float64(now - z.last)
		} else { // it has run over
			r.total += float64(z.of - min(z.last, z.of) + now)
		}
		z.last = now
	}
	return r.total / 1e6, nil
}

// Name implements Meter.
func (r *RAPL) Name() string { return "RAPL: " + strings.Join(r.names, ", ") }

func readText(path string) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("energy: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func readNumber(path string) (uint64, error) {
	text, err := readText(path)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("energy: %s holds %.20q", path, text)
	}
	return n, nil
}
