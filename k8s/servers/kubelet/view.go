package kubelet

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
)

// viewVariable carries a container's view to the process that is to be it.
const viewVariable = "G2C_TEST_KUBELET_VIEW"

// becomesFile is open as long as the process is not yet what the container runs.
const becomesFile = 3

// view is a container: what it sees, and what it runs.
type view struct {
	Root   string // empty folder on which its file system is put together
	Folder string
	Args   []string
	Binds  []bind
}

type bind struct{ From, To string }

// Container makes this process the container that it was begun as, if it was.
func Container() {
	text := os.Getenv(viewVariable)
	if text == "" {
		return
	}
	syscall.CloseOnExec(becomesFile)
	fmt.Fprintln(os.Stderr, "kubelet:", become(text))
	os.Exit(exitNotStarted)
}

// become does not return unless something is wrong.
func become(text string) error {
	var v view
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return err
	}
	if err := os.Unsetenv(viewVariable); err != nil {
		return err
	}
	if err := v.build(); err != nil {
		return err
	}
	if err := errors.Join(syscall.Chroot(v.Root), os.Chdir(v.Folder)); err != nil {
		return err
	}
	if len(v.Args) == 0 {
		return errors.New("it has no command, and images are not played")
	}
	program, err := exec.LookPath(v.Args[0])
	if err != nil {
		return err
	}
	return syscall.Exec(program, v.Args, os.Environ())
}

// build puts the container's file system together, of this machine's and the binds. Folders on
// the way to a bind are made anew, entry by entry: so a bind's place need not exist here.
func (v *view) build() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("tmpfs", v.Root, "tmpfs", 0, "mode=755"); err != nil {
		return fmt.Errorf("mount the root: %w", err)
	}
	above := map[string]bool{"/proc": true}
	for _, b := range v.Binds {
		for d := filepath.Dir(b.To); d != "/"; d = filepath.Dir(d) {
			above[d] = true
		}
	}
	if err := mirror("/", v.Root, above); err != nil {
		return err
	}
	if err := syscall.Mount("proc", filepath.Join(v.Root, "proc"), "proc", 0, ""); err != nil {
		return fmt.Errorf("mount proc: %w", err)
	}
	slices.SortFunc(v.Binds, func(a, b bind) int { return len(a.To) - len(b.To) }) // what holds others first
	for _, b := range v.Binds {
		if err := put(b.From, filepath.Join(v.Root, b.To)); err != nil {
			return fmt.Errorf("%s for %s: %w", b.From, b.To, err)
		}
	}
	return nil
}

// put shows a file or folder in another place.
func put(from, to string) error {
	i, err := os.Stat(from)
	if err != nil {
		return err
	}
	if i.IsDir() {
		err = os.MkdirAll(to, 0o755)
	} else if _, there := os.Lstat(to); there != nil {
		if err = os.MkdirAll(filepath.Dir(to), 0o755); err == nil {
			err = os.WriteFile(to, nil, 0o644)
		}
	}
	if err != nil {
		return err
	}
	return syscall.Mount(from, to, "", syscall.MS_BIND|syscall.MS_REC, "")
}

// mirror shows what is in one folder in another; those that are above a bind as folders of
// their own.
func mirror(from, to string, above map[string]bool) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		src, dst := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		switch {
		case e.Type()&fs.ModeSymlink != 0:
			var target string
			if target, err = os.Readlink(src); err == nil {
				err = os.Symlink(target, dst)
			}
		case src == "/proc":
			err = os.Mkdir(dst, 0o755)
		case e.IsDir() && above[src]:
			if err = os.Mkdir(dst, 0o755); err == nil {
				err = mirror(src, dst, above)
			}
		case e.IsDir() || e.Type().IsRegular():
			err = put(src, dst)
		}
		if err != nil {
			return fmt.Errorf("show %s: %w", src, err)
		}
	}
	return nil
}
