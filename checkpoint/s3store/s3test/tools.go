// Package s3test starts real servers of S3 for tests: versitygw over a folder, and minio.
// Each is built from its pinned source into .tools of this repository when it is first
// wanted, serves on loopback with a certificate that the test makes, and ends with the test.
//
// Where a server cannot be built its tests are skipped and say so; with CI=true that is a
// failure: `make s3-servers` (install/) builds them before.
package s3test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"syscall"
	"testing"
)

// Kind is a program that serves S3.
type Kind struct {
	Name    string
	module  string // what `go install` builds
	version string
	command func(s *Server) []string
}

// The servers.
var (
	Versity = Kind{"versitygw", "github.com/versity/versitygw/cmd/versitygw", "v1.8.0", versityArgs}
	Minio   = Kind{"minio", "github.com/minio/minio", "v0.0.0-20260212201848-7aac2a2c5b7c", minioArgs}
)

// Kinds are all of them.
func Kinds() []Kind { return []Kind{Versity, Minio} }

// toolsFolder is at the root of the repository, and ignored there.
const toolsFolder = ".tools"

// folder is where a server of a version lies.
func (k Kind) folder() string {
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..", "..")
	return filepath.Join(root, toolsFolder, k.Name+"@"+k.version)
}

var building sync.Mutex

// path is the program, built if need be.
func (k Kind) path(t testing.TB) string {
	t.Helper()
	building.Lock()
	defer building.Unlock()
	dir := k.folder()
	program := filepath.Join(dir, k.Name)
	if _, err := os.Stat(program); err == nil {
		return program
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not there: `make s3-servers` builds it", program)
	}
	t.Logf("building %s %s: minutes, once", k.Name, k.version)
	if err := k.Install(); err != nil {
		t.Skipf("SKIPPED: no test against %s: %v", k.Name, err)
	}
	return program
}

// Install builds a server unless it is there, one process at a time.
func (k Kind) Install() error {
	dir := k.folder()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	if _, err := os.Stat(filepath.Join(dir, k.Name)); err == nil {
		return nil
	}
	c := exec.Command("go", "install", k.module+"@"+k.version)
	c.Env = append(os.Environ(), "GOBIN="+dir, "GOFLAGS=")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("go install: %w: %.500s", err, out)
	}
	return nil
}
