// Package servers builds the servers of a Kubernetes control plane that tests start: etcd,
// kube-apiserver, kube-controller-manager, kube-scheduler and kubectl, each from its pinned
// module (etcd/, kube/) into .tools of this repository. The modules are no part of ours:
// nothing that g2c is made of comes from them.
//
// Where they cannot be built the tests that need them are skipped and say so; with CI=true
// that is a failure: `make k8s-servers` (install/) builds them before.
package servers

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"testing"
)

// Version of Kubernetes, as kube/go.mod has it.
const Version = "v1.37.2"

// program is one that is built: from a package, in the folder of its module.
type program struct {
	name, module, pkg string
}

// programs are in the order in which they are built, one at a time: to link the apiserver
// takes 2.4 GB of memory.
var programs = []program{
	{"etcd", "etcd", "go.etcd.io/etcd/server/v3"},
	{"kubectl", "kube", "k8s.io/kubernetes/cmd/kubectl"},
	{"kube-apiserver", "kube", "k8s.io/kubernetes/cmd/kube-apiserver"},
	{"kube-controller-manager", "kube", "k8s.io/kubernetes/cmd/kube-controller-manager"},
	{"kube-scheduler", "kube", "k8s.io/kubernetes/cmd/kube-scheduler"},
}

func here() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Dir(file)
}

// Folder is where the programs lie, or are to.
func Folder() string { return filepath.Join(here(), "..", "..", ".tools", "k8s@"+Version) }

// apiserver are the programs of an apiserver alone.
var apiserver = []string{"etcd", "kubectl", "kube-apiserver"}

// missing are the programs that are not there, of some by name, or of all.
func missing(of ...string) (out []program) {
	for _, p := range programs {
		if len(of) > 0 && !slices.Contains(of, p.name) {
			continue
		}
		if _, err := os.Stat(filepath.Join(Folder(), p.name)); err != nil {
			out = append(out, p)
		}
	}
	return out
}

// Need is the folder of the programs, for a test that starts an apiserver, and others that it
// names. They are not built on the way, which takes a quarter of an hour: without them a test
// is skipped, or fails with CI=true.
func Need(t testing.TB, more ...string) string {
	t.Helper()
	if m := missing(append(more, apiserver...)...); len(m) > 0 {
		if os.Getenv("CI") == "true" {
			t.Fatalf("%s is not in %s: `make k8s-servers` builds it", m[0].name, Folder())
		}
		t.Skipf("SKIPPED: no test against a real apiserver: %s is not in %s; `make k8s-servers` builds it", m[0].name, Folder())
	}
	return Folder()
}

// Install builds the programs that are not there, one process at a time.
func Install() error {
	return alone(Folder(), func() error {
		for _, p := range missing() {
			if err := p.build(Folder()); err != nil {
				return err
			}
		}
		return nil
	})
}

// alone makes a folder and does something while no other process does so.
func alone(folder string, do func() error) error {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	lock, err := os.OpenFile(filepath.Join(folder, "lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	return do()
}

// build makes a program beside its place and moves it there when it is whole. The linker
// leaves out what a program has no variable for.
func (p program) build(folder string) error {
	const version = "k8s.io/component-base/version"
	part := filepath.Join(folder, p.name+".part")
	c := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-o", part,
		"-ldflags", "-s -w -X "+version+".gitVersion="+Version+" -X "+version+".gitMajor=1 -X "+version+".gitMinor=37"+
			" -X sigs.k8s.io/kueue/pkg/version.GitVersion="+KueueVersion, p.pkg)
	c.Dir = filepath.Join(here(), p.module)
	c.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if out, err := c.CombinedOutput(); err != nil {
		return fmt.Errorf("build %s: %w: %.500s", p.name, err, out)
	}
	return os.Rename(part, filepath.Join(folder, p.name))
}
