package filestore_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"g2c/checkpoint/filestore"
	"g2c/checkpoint/filestore/diskfault"
	"g2c/checkpoint/store"
	"g2c/checkpoint/storetest"
	"g2c/internal/fault"
)

// fileSystems are what file systems lack, by operation, and how they say so.
var fileSystems = map[string]map[string]error{
	"whole":                {},
	"exFAT":                {"link": syscall.EPERM},
	"CIFS":                 {"link": syscall.EOPNOTSUPP},
	"FUSE without renames": {"link": syscall.ENOSYS, "renamenew": syscall.EINVAL},
	"no flush of folders":  {"syncdir": syscall.EINVAL},
	"no flush":             {"sync": syscall.EINVAL, "syncdir": syscall.ENOTSUP},
	"nothing":              {"link": syscall.EPERM, "renamenew": syscall.ENOSYS, "syncdir": syscall.EINVAL},
}

func openLacking(t *testing.T, dir string, lacks map[string]error) *filestore.Store {
	t.Helper()
	disk := diskfault.New()
	disk.Lacks = lacks
	s, err := filestore.OpenOn(dir, disk)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// On every file system a store is a store, and says what it has to do without.
func TestConformanceOnPoorFileSystems(t *testing.T) {
	for name, lacks := range fileSystems {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) store.Store { return openLacking(t, t.TempDir(), lacks) })
			s := openLacking(t, t.TempDir(), lacks)
			notes := strings.Join(s.Abilities().Notes(), "; ")
			for op, word := range map[string]string{"link": "hard links", "renamenew": "under a lock", "syncdir": "power cut"} {
				if strings.Contains(notes, word) != (lacks[op] != nil) {
					t.Errorf("lacks %v, and says %q", lacks, notes)
				}
			}
			if n := leftovers(t, s.Root()); n != 0 {
				t.Errorf("the probe left %d files", n)
			}
		})
	}
}

// Of many who create one name, in stores of their own, one wins, and a reader never
// sees anything but what the winner wrote.
func TestCreatingIsExclusiveWithoutLinks(t *testing.T) {
	for name, lacks := range fileSystems {
		dir := t.TempDir()
		const writers, rounds = 4, 20
		wins := make([]int, rounds)
		var mu sync.Mutex
		var wait sync.WaitGroup
		for w := range writers {
			s := openLacking(t, dir, lacks)
			wait.Go(func() {
				for r := range rounds {
					won, err := s.PutIfAbsent(t.Context(), fmt.Sprintf("manifests/%d", r), strings.NewReader(fmt.Sprint("of ", w)))
					if err != nil {
						t.Error(err)
					}
					if won {
						mu.Lock()
						wins[r]++
						mu.Unlock()
					}
				}
			})
		}
		wait.Wait()
		for r, n := range wins {
			if n != 1 {
				t.Errorf("%s: %d writers won manifest %d", name, n, r)
			}
		}
	}
}

// locklessDisk has no flock.
type locklessDisk struct{ *diskfault.Disk }

func (locklessDisk) Create(path string) (filestore.File, error) {
	return nil, &os.PathError{Op: "flock", Path: path, Err: syscall.ENOLCK}
}

func TestAFileSystemWithoutLocksIsRefusedInWords(t *testing.T) {
	_, err := filestore.OpenOn(t.TempDir(), locklessDisk{diskfault.New()})
	if !errors.Is(err, fault.ErrUnavailable) || !strings.Contains(err.Error(), "has no locks") || !strings.Contains(err.Error(), "local disk") {
		t.Errorf("got %v", err)
	}
}

// A disk that fails is not one that lacks something.
func TestADiskThatFailsIsRefused(t *testing.T) {
	for _, op := range []string{"link", "syncdir", "sync"} {
		disk := diskfault.New()
		disk.Lacks = map[string]error{op: syscall.EIO}
		if _, err := filestore.OpenOn(t.TempDir(), disk); !errors.Is(err, fault.ErrUnavailable) || !errors.Is(err, syscall.EIO) {
			t.Errorf("%s fails: %v", op, err)
		}
	}
}

// What was unmounted or deleted under an open store is not made again in its place.
func TestAStoreThatVanishesIsNotMadeAgain(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "store")
	s := open(t, dir)
	if err := write(t, s, "old"); err != nil {
		t.Fatal(err)
	}
	away := dir + "-away"
	if err := os.Rename(dir, away); err != nil {
		t.Fatal(err)
	}
	gone := func(err error) {
		t.Helper()
		if !errors.Is(err, fault.ErrUnavailable) || !strings.Contains(err.Error(), "is gone") {
			t.Errorf("got %v", err)
		}
	}
	gone(write(t, s, "new"))
	_, err := s.Lock(t.Context(), heldLock, false, false)
	gone(err)
	if err := os.Mkdir(dir, 0o755); err != nil { // an empty mount point
		t.Fatal(err)
	}
	gone(write(t, s, "new"))
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("made in its place: %v, %v", entries, err)
	}
	if err := errors.Join(os.Remove(dir), os.Rename(away, dir)); err != nil {
		t.Fatal(err)
	}
	if got := contentOf(t, s, "objects/o", "old"); got != "old" {
		t.Errorf("what was saved is %q", got)
	}
	if err := write(t, s, "old"); err != nil {
		t.Error(err)
	}
}

// What operating systems and network drives leave in folders is no reason to refuse a
// store, nor an object of it.
func TestResidueInAStore(t *testing.T) {
	dir := t.TempDir()
	if err := write(t, open(t, dir), "x"); err != nil {
		t.Fatal(err)
	}
	for _, folder := range []string{"", ".tmp", "objects", "manifests/k", ".locks"} {
		for _, name := range []string{".DS_Store", "._o", "Thumbs.db", "desktop.ini"} {
			if err := os.WriteFile(filepath.Join(dir, folder, name), []byte("x"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.MkdirAll(filepath.Join(dir, folder, "@eaDir", "o"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll(filepath.Join(dir, folder, "lost+found"), 0); err != nil {
			t.Fatal(err)
		}
	}
	infos, err := open(t, dir).List(t.Context(), "")
	if err != nil || len(infos) != 2 {
		t.Errorf("objects %v, %v", infos, err)
	}
}

var exfat = flag.Bool("exfat", false, "mount an exFAT disk and try a store on it: takes root, loop devices and exfatprogs")

// exFAT mounts a real file system without hard links.
func exFAT(t *testing.T) string {
	t.Helper()
	if !*exfat {
		t.Skip("SKIPPED: mounts a disk only with -exfat: make test-exfat")
	}
	dir := t.TempDir()
	image, at := filepath.Join(dir, "image"), filepath.Join(dir, "mount")
	do := func(name string, args ...string) (string, error) {
		out, err := exec.Command(name, args...).CombinedOutput()
		return strings.TrimSpace(string(out)), err
	}
	f, err := os.Create(image)
	if err == nil {
		err = errors.Join(f.Truncate(32<<20), f.Close(), os.Mkdir(at, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	if out, err := do("mkfs.exfat", image); err != nil {
		t.Fatalf("mkfs.exfat: %v: %s", err, out)
	}
	device, err := do("losetup", "--find", "--show", image)
	if err != nil {
		t.Fatalf("losetup: %v: %s", err, device)
	}
	t.Cleanup(func() {
		if out, err := do("losetup", "--detach", device); err != nil {
			t.Errorf("losetup: %v: %s", err, out)
		}
	})
	out, err := do("mount.exfat-fuse", device, at)
	if err != nil {
		if out, err = do("mount", "-t", "exfat", device, at); err != nil {
			t.Fatalf("mount: %v: %s", err, out)
		}
	}
	t.Cleanup(func() {
		if out, err := do("umount", at); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return at
}

func TestOnExFAT(t *testing.T) {
	at := exFAT(t)
	n := 0
	storetest.Run(t, func(t *testing.T) store.Store {
		n++
		return open(t, filepath.Join(at, fmt.Sprint("store", n)))
	})
	s := open(t, filepath.Join(at, "store"))
	if can := s.Abilities(); can.HardLinks || len(can.Notes()) == 0 {
		t.Errorf("abilities %+v", can)
	}
	t.Logf("exFAT: %+v", s.Abilities())
	if err := write(t, s, "x"); err != nil {
		t.Error(err)
	}
	if _, err := filestore.Probe(at); err != nil {
		t.Error(err)
	}
}
