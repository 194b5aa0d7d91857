package memlimit

import (
	"runtime/debug"
	"testing"
	"testing/fstest"
)

const (
	mib = 1 << 20
	gib = 1 << 30

	// 8 GiB free, 4 cached of which 1 is shared memory, 1 of swap.
	meminfo = "MemTotal: 16777216 kB\nMemFree: 8388608 kB\nMemAvailable: 9437184 kB\nBuffers: 0 kB\nCached: 4194304 kB\nShmem: 1048576 kB\nSReclaimable: 0 kB\nSwapFree: 1048576 kB\n"
)

func machine(files map[string]string) fstest.MapFS {
	root := fstest.MapFS{"proc/meminfo": {Data: []byte(meminfo)}, "proc/self/statm": {Data: []byte("25600 100 3 4 0 6 0\n")}}
	for name, text := range files {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

func TestLeft(t *testing.T) {
	v2 := "0::/user.slice/job\n"
	v1 := "5:cpu:/x\n9:memory:/docker/abc\n0::/ignored\n"
	for name, c := range map[string]struct {
		files map[string]string
		as    int64
		want  int64
		of    string
	}{
		"the machine":   {want: 12 * gib, of: "this machine"},
		"ZFS":           {files: map[string]string{"proc/spl/kstat/zfs/arcstats": "name type data\nsize 4 2147483648\n"}, want: 14 * gib, of: "this machine"},
		"address space": {as: gib, want: gib - 100*mib, of: "the limit of address space (ulimit -v)"},
		"spent":         {as: 50 * mib, want: 0, of: "the limit of address space (ulimit -v)"},
		"v2, of a group above, cached files and no swap": {files: map[string]string{
			"proc/self/cgroup":                            v2,
			"sys/fs/cgroup/user.slice/job/memory.max":     "max\n",
			"sys/fs/cgroup/user.slice/job/memory.current": "1\n",
			"sys/fs/cgroup/user.slice/memory.max":         "2147483648\n",
			"sys/fs/cgroup/user.slice/memory.current":     "1073741824\n",
			"sys/fs/cgroup/user.slice/memory.stat":        "anon 5\nfile 536870912\ninactive_file 268435456\nactive_file 134217728\nslab_reclaimable 1048576\n",
			"sys/fs/cgroup/user.slice/memory.swap.max":    "0\n", "sys/fs/cgroup/user.slice/memory.swap.current": "0\n",
		}, want: gib + 385*mib, of: "the control group /user.slice"},
		"v2, the root of a container, swap without limit": {files: map[string]string{
			"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "1073741824\n", "sys/fs/cgroup/memory.current": "1073741824\n", "sys/fs/cgroup/memory.swap.max": "max\n",
		}, want: gib, of: "the control group /"},
		"v1, its path not shown in the container": {files: map[string]string{
			"proc/self/cgroup":                           v1,
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "2147483648\n", "sys/fs/cgroup/memory/memory.usage_in_bytes": "1073741824\n",
			"sys/fs/cgroup/memory/memory.stat":                 "total_inactive_file 1048576\ntotal_active_file 0\n",
			"sys/fs/cgroup/memory/memory.memsw.limit_in_bytes": "2147483648\n", "sys/fs/cgroup/memory/memory.memsw.usage_in_bytes": "1073741824\n",
		}, want: gib + mib, of: "the control group /"},
		"v1 without a limit": {files: map[string]string{
			"proc/self/cgroup": v1, "sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes": "9223372036854771712\n", "sys/fs/cgroup/memory/docker/abc/memory.usage_in_bytes": "5\n",
		}, want: 12 * gib, of: "this machine"},
	} {
		got, known := system{root: machine(c.files), page: 4096, addressSpace: c.as}.left()
		if !known || got.Bytes != c.want || got.Of != c.of {
			t.Errorf("%s: %d MiB of %s, want %d MiB of %s", name, got.Bytes/mib, got.Of, c.want/mib, c.of)
		}
	}
	if got, known := (system{root: fstest.MapFS{}}).left(); known {
		t.Errorf("a system that tells nothing: %+v", got)
	}
}

func TestNow(t *testing.T) {
	if l, known := Now(); known && (l.Bytes <= 0 || l.Of == "") {
		t.Errorf("this process runs with %+v", l)
	}
}

// Whatever these files say, the answer is not below nothing.
func FuzzLeft(f *testing.F) {
	f.Add("0::/a/../b\n3:memory:/c\n", "5\n", "max", "inactive_file 7\n", meminfo)
	f.Add("9:memory:/x\n", "-1", "9223372036854775807", "total_active_file 9223372036854775807", "MemFree: 9223372036854775807 kB\nCached: -4 kB\n")
	f.Fuzz(func(t *testing.T, cgroup, limit, usage, stat, info string) {
		root := fstest.MapFS{"proc/meminfo": {Data: []byte(info)}, "proc/self/cgroup": {Data: []byte(cgroup)}, "proc/spl/kstat/zfs/arcstats": {Data: []byte(stat)}}
		for dir, names := range map[string][]string{
			"sys/fs/cgroup/":        {"memory.max", "memory.current", "memory.stat"},
			"sys/fs/cgroup/memory/": {"memory.limit_in_bytes", "memory.usage_in_bytes", "memory.stat"},
		} {
			for i, text := range []string{limit, usage, stat} {
				root[dir+names[i]] = &fstest.MapFile{Data: []byte(text)}
			}
		}
		if l, known := (system{root: root, page: 4096, addressSpace: 1 << 40}).left(); known && l.Bytes < 0 {
			t.Errorf("%+v", l)
		}
	})
}

// What is left bounds the heap that there is and more, and the user's own limit stands.
func TestBound(t *testing.T) {
	if got := boundOf(100, 80); got != 170 {
		t.Errorf("with 80 bytes left and 100 taken the limit is %d", got)
	}
	before := debug.SetMemoryLimit(-1)
	defer debug.SetMemoryLimit(before)
	t.Setenv("GOMEMLIMIT", "1TiB")
	if Bound(); debug.SetMemoryLimit(-1) != before {
		t.Error("the user's limit does not stand")
	}
	t.Setenv("GOMEMLIMIT", "")
	left, known := Now()
	if !known {
		t.Skip("SKIPPED: this system does not tell what memory is left")
	}
	if Bound(); debug.SetMemoryLimit(-1) < left.Bytes/2 || debug.SetMemoryLimit(-1) == before {
		t.Errorf("with %d bytes left the limit is %d", left.Bytes, debug.SetMemoryLimit(-1))
	}
}

// All of the memory is the machine's, or what the least control group above this process has.
func TestWhole(t *testing.T) {
	for name, c := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"the machine": {want: 16 * gib},
		"a group above": {files: map[string]string{
			"proc/self/cgroup": "0::/user.slice/job\n", "sys/fs/cgroup/user.slice/job/memory.max": "max\n", "sys/fs/cgroup/user.slice/memory.max": "2147483648\n",
		}, want: 2 * gib},
		"a group without a limit": {files: map[string]string{
			"proc/self/cgroup": "9:memory:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n",
		}, want: 16 * gib},
	} {
		if got, known := (system{root: machine(c.files), page: 4096}).whole(); !known || got != c.want {
			t.Errorf("%s: %d bytes, %v; want %d", name, got, known, c.want)
		}
	}
	if got, known := (system{root: fstest.MapFS{}, page: 4096}).whole(); known {
		t.Errorf("a system that tells nothing has %d bytes", got)
	}
	if got, known := Whole(); known && got < mib {
		t.Errorf("this machine has %d bytes", got)
	}
}
