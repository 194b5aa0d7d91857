// Package memlimit tells how much memory this process can still take: what the machine
// has, what its control groups (versions 1 and 2) leave, and what its limit of address
// space does. Memory that the kernel would give back first, such as cached files, counts
// as free, and so does swap: who asks for no more than there is finds it, or nearly, and
// who asks for more would be killed.
package memlimit

import (
	"bufio"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime"
	"strconv"
	"strings"
	"syscall"
)

// Left is how much can be taken, and what limits it.
type Left struct {
	Bytes int64
	Of    string
}

// Now reads what is left; known is false where the system does not tell.
func Now() (l Left, known bool) {
	s := system{root: os.DirFS("/"), page: int64(os.Getpagesize())}
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)
	s.idle = int64(heap.HeapIdle)
	var as syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_AS, &as); err == nil && as.Cur < math.MaxInt64 {
		s.addressSpace = int64(as.Cur)
	}
	return s.left()
}

// Whole reads how much there is, be it free or not: of the machine, or of the control groups
// that limit this process; known is false where the system does not tell.
func Whole() (bytes int64, known bool) {
	return system{root: os.DirFS("/"), page: int64(os.Getpagesize())}.whole()
}

func (s system) whole() (least int64, known bool) {
	least, known = s.table("proc/meminfo", 1024)["MemTotal"]
	for _, g := range s.groups() {
		if limit, limited := s.number(path.Join(g.dir, g.limit)); limited && (!known || limit < least) {
			least, known = limit, true
		}
	}
	return least, known
}

// system is where the numbers come from.
type system struct {
	root         fs.FS
	page         int64
	addressSpace int64 // limit in bytes; 0 is none
	idle         int64 // address space that Go's heap has and does not use
}

func (s system) left() (least Left, known bool) {
	machine := s.table("proc/meminfo", 1024)
	swap := machine["SwapFree"]
	consider := func(bytes int64, of string) {
		if !known || bytes < least.Bytes {
			least, known = Left{max(bytes, 0), of}, true
		}
	}
	if _, ok := machine["MemFree"]; ok {
		// What ZFS caches is given back too, and is in none of the others.
		files := max(machine["Cached"]-machine["Shmem"], 0) + machine["Buffers"] + machine["SReclaimable"] + s.arc()
		consider(max(machine["MemFree"]+files, machine["MemAvailable"])+swap, "this machine")
	}
	if s.addressSpace > 0 {
		if pages, ok := s.number("proc/self/statm"); ok {
			consider(s.addressSpace-pages*s.page+s.idle, "the limit of address space (ulimit -v)")
		}
	}
	for _, g := range s.groups() {
		if bytes, ok := g.left(s, swap); ok {
			consider(bytes, "the control group "+g.name)
		}
	}
	return least, known
}

// group is a control group with a memory controller.
type group struct {
	name, dir                          string
	limit, usage, swapLimit, swapUsage string // files
	inactive, active, reclaimable      string // of its statistics
	combined                           bool   // the swap files count memory with swap
}

// groups are those that this process is in, and those above them: each may limit it. Where
// a container shows another root, the files of the root are its own.
func (s system) groups() []group {
	var all []group
	f, err := s.root.Open("proc/self/cgroup")
	if err != nil {
		return nil
	}
	defer f.Close() // only read
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		parts := strings.SplitN(lines.Text(), ":", 3)
		if len(parts) != 3 {
			continue
		}
		v2 := parts[0] == "0" && parts[1] == ""
		if !v2 && parts[1] != "memory" {
			continue
		}
		for at := path.Clean("/" + parts[2]); ; at = path.Dir(at) {
			all = append(all, newGroup(v2, at))
			if at == "/" {
				break
			}
		}
	}
	return all
}

func newGroup(v2 bool, at string) group {
	if v2 {
		return group{
			name: at, dir: path.Join("sys/fs/cgroup", at),
			limit: "memory.max", usage: "memory.current", swapLimit: "memory.swap.max", swapUsage: "memory.swap.current",
			inactive: "inactive_file", active: "active_file", reclaimable: "slab_reclaimable",
		}
	}
	return group{
		name: at, dir: path.Join("sys/fs/cgroup/memory", at),
		limit: "memory.limit_in_bytes", usage: "memory.usage_in_bytes", swapLimit: "memory.memsw.limit_in_bytes", swapUsage: "memory.memsw.usage_in_bytes",
		inactive: "total_inactive_file", active: "total_active_file", combined: true,
	}
}

// left is what a group leaves, if it limits anything.
func (g group) left(s system, swap int64) (int64, bool) {
	limit, limited := s.number(path.Join(g.dir, g.limit))
	usage, ok := s.number(path.Join(g.dir, g.usage))
	if !limited || !ok {
		return 0, false
	}
	stat := s.table(path.Join(g.dir, "memory.stat"), 1)
	left := limit - usage + stat[g.inactive] + stat[g.active] + stat[g.reclaimable]
	most, limited := s.number(path.Join(g.dir, g.swapLimit))
	used, ok := s.number(path.Join(g.dir, g.swapUsage))
	if limited && ok {
		room := most - used
		if g.combined {
			room -= limit - usage
		}
		swap = min(swap, room)
	}
	return left + max(swap, 0), true
}

// most is more than any machine has: what version 1 says for no limit is beyond it.
const most = 1 << 60

// number is the first number of a file; none where it is not there, or says "max".
func (s system) number(name string) (int64, bool) {
	text, err := fs.ReadFile(s.root, name)
	fields := strings.Fields(string(text))
	if err != nil || len(fields) == 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(fields[0], 10, 64)
	return n, err == nil && n >= 0 && n < most
}

// table reads lines of a name and a number.
func (s system) table(name string, unit int64) map[string]int64 {
	out := map[string]int64{}
	text, err := fs.ReadFile(s.root, name)
	if err != nil {
		return out
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if n, err := strconv.ParseInt(fields[1], 10, 64); err == nil && n >= 0 && n < most/unit {
			out[strings.TrimSuffix(fields[0], ":")] = n * unit
		}
	}
	return out
}

// arc is what ZFS caches: lines of a name, a type and a number.
func (s system) arc() int64 {
	text, err := fs.ReadFile(s.root, "proc/spl/kstat/zfs/arcstats")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 3 && fields[0] == "size" {
			if n, err := strconv.ParseInt(fields[2], 10, 64); err == nil && n > 0 && n < most {
				return n
			}
		}
	}
	return 0
}
