package servers

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
)

// Addresses is the range whose every address can be listened on in isolation: an apiserver
// takes none of 127.0.0.0/8 for a pod's.
const Addresses = "10.99.0.0/16"

// isolatedVariable marks the process that runs in isolation.
const isolatedVariable = "G2C_TEST_ISOLATED"

// isolation is why tests do not run in isolation; nil if they do.
var isolation = errors.New("TestMain does not ask for it")

// Isolated runs tests in namespaces of their own, of mounts, processes and networks: as the
// same program once more. Their network is a loopback interface with all Addresses, so ports
// are free and names are theirs to choose; when they end, all that they started ends. It
// takes root, or namespaces for everybody.
//
// Where that cannot be had the tests run as they are, and NeedIsolation says so to those that
// need it.
func Isolated(run func() int) int {
	if os.Getenv(isolatedVariable) != "" {
		if isolation = settle(); isolation != nil {
			fmt.Fprintln(os.Stderr, "isolate tests:", isolation)
			return 1
		}
		return run()
	}
	self, err := os.Executable()
	if err == nil {
		_, err = exec.LookPath("ip") // of iproute2, for the network
	}
	if err != nil {
		isolation = err
		return run()
	}
	c := exec.Command(self, os.Args[1:]...)
	c.Env = append(os.Environ(), isolatedVariable+"=1")
	c.Stdin, c.Stdout, c.Stderr = os.Stdin, os.Stdout, os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Cloneflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWNET}
	if id := os.Getuid(); id != 0 {
		c.SysProcAttr.Cloneflags |= syscall.CLONE_NEWUSER
		c.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: id, Size: 1}}
		c.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	if err := c.Start(); err != nil {
		isolation = fmt.Errorf("make namespaces: %w", err)
		return run()
	}
	var exit *exec.ExitError
	switch err := c.Wait(); {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.ExitCode() > 0:
		return exit.ExitCode()
	}
	return 1
}

// settle furnishes the namespaces.
func settle() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if err := syscall.Mount("proc", "/proc", "proc", 0, ""); err != nil {
		return fmt.Errorf("mount proc: %w", err)
	}
	for _, args := range [][]string{{"link", "set", "lo", "up"}, {"route", "add", "local", Addresses, "dev", "lo"}} {
		if out, err := exec.Command("ip", args...).CombinedOutput(); err != nil {
			return fmt.Errorf("ip %v: %w: %s", args, err, out)
		}
	}
	return nil
}

// NeedIsolation skips a test that is not in isolation, or fails it with CI=true.
func NeedIsolation(t testing.TB) {
	t.Helper()
	if isolation == nil {
		return
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("no namespaces: %v", isolation)
	}
	t.Skipf("SKIPPED: no test on a whole control plane: %v", isolation)
}
