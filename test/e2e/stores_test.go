package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"g2c/checkpoint"
	"g2c/checkpoint/filestore"
)

// long makes the tiny experiment last until something ends it.
const long = "finetune.epochs=100000"

func openRepo(t *testing.T, dir string) *checkpoint.Repo {
	t.Helper()
	s, err := filestore.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return checkpoint.New(s)
}

// verified has every object and manifest of a store read.
func verified(t *testing.T, store string) {
	t.Helper()
	must(t, nil, "ckpt", "verify", store)
}

// A task that another process has: the same experiment is refused and says who, or waits
// for it.
func TestTheSameExperimentTwice(t *testing.T) {
	want, _ := reference(t)
	store, cache := t.TempDir(), t.TempDir()
	repo := openRepo(t, store)
	key, _, _ := strings.Cut(strings.TrimPrefix(oneOf(t, want, "finetune "), "finetune "), " ")
	release, err := repo.LockTask(t.Context(), key, false)
	if err != nil {
		t.Fatal(err)
	}
	o := run(t.Context(), t, nil, "run", tiny, "--store", store, "--cache", cache)
	if o.code != 5 || !strings.Contains(o.stderr, fmt.Sprintf("process %d ", os.Getpid())) || !strings.Contains(o.stderr, "finetune/") {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
	c, lines := start(t, "run", tiny, "--store", store, "--cache", cache, "--wait")
	waited := false
	for lines.Scan() {
		if strings.Contains(lines.Text(), "waiting for it") && !waited {
			waited = true
			if err := release(); err != nil {
				t.Error(err)
			}
		}
	}
	if err := c.Wait(); err != nil || !waited {
		t.Errorf("waited %v, %v", waited, err)
	}
	sameBits(t, "after waiting", hashes(t, store), want)
}

// oneOf is a key with a prefix.
func oneOf(t *testing.T, from map[string]string, prefix string) string {
	t.Helper()
	for k := range from {
		if strings.HasPrefix(k, prefix) {
			return k
		}
	}
	t.Fatalf("nothing begins with %q", prefix)
	return ""
}

// Runs of different experiments, and of one, share a store at once, and a collection that
// spares nothing takes nothing from them.
func TestRunsShareAStore(t *testing.T) {
	want, _ := reference(t)
	store, cache := t.TempDir(), t.TempDir()
	var wait sync.WaitGroup
	for _, set := range []string{"seed=1", "seed=1", "seed=2"} {
		wait.Go(func() {
			o := run(t.Context(), t, nil, "run", tiny, "--store", store, "--cache", cache, "--wait", "--set", set)
			if o.code != 0 {
				t.Errorf("exit code %d\n%s", o.code, o.stderr)
			}
		})
	}
	ended := make(chan struct{})
	go func() { wait.Wait(); close(ended) }()
	for running := true; running; {
		o := run(t.Context(), t, nil, "ckpt", "gc", store, "--yes", "--spare", "0s", "--keep", "1")
		if o.code != 0 {
			t.Errorf("gc: exit code %d\n%s", o.code, o.stderr)
		}
		select {
		case <-ended:
			running = false
		default:
		}
	}
	verified(t, store)
	got := hashes(t, store)
	for k, v := range want {
		if got[k] != v {
			t.Errorf("%s: %.16s, want %.16s", k, got[k], v)
		}
	}
	if len(got) != 2*len(want) {
		t.Errorf("%d payloads, want those of two experiments of %d", len(got), len(want))
	}
}

// An experiment is listed, forgotten, and its finished work collected, unless another
// wants it.
func TestListForgetCollect(t *testing.T) {
	store, cache := t.TempDir(), t.TempDir()
	more := []string{"--store", store, "--cache", cache, "--set", "arms=[{name: HE, stains: [HE]}]"}
	must(t, nil, "run", tiny, "--store", store, "--cache", cache, "--only", "pretrain")
	must(t, nil, append([]string{"run", tiny}, more...)...)
	ls := must(t, nil, "ls", store).stdout
	if strings.Count(ls, "\n") != 3 || !strings.Contains(ls, "\ntiny ") || !strings.Contains(ls, " 3/3 ") || !strings.Contains(ls, " 1/1 ") ||
		!strings.Contains(ls, filepath.Join(store, "reports", "tiny", "index.html")) {
		t.Errorf("listed:\n%s", ls)
	}
	before := hashes(t, store)
	if o := must(t, nil, "forget", "tiny", store); !strings.Contains(o.stdout, "experiments/tiny.json") || !strings.Contains(o.stdout, "2 tasks") {
		t.Errorf("would forget:\n%s", o.stdout)
	}
	if now := must(t, nil, "ls", store).stdout; now != ls {
		t.Errorf("forgotten without --yes:\n%s", now)
	}
	must(t, nil, "forget", "tiny", store, "--yes")
	if now := must(t, nil, "ls", store).stdout; strings.Contains(now, "\ntiny ") || strings.Count(now, "\n") != 2 {
		t.Errorf("still listed:\n%s", now)
	}
	if _, err := os.Stat(filepath.Join(store, "reports", "tiny")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the report: %v", err)
	}
	sameBits(t, "forgotten", hashes(t, store), before)
	must(t, nil, "ckpt", "gc", store, "--spare", "0s", "--yes")
	sameBits(t, "collected without --unwanted", hashes(t, store), before)
	must(t, nil, "ckpt", "gc", store, "--spare", "0s", "--unwanted", "--yes")
	for k := range hashes(t, store) {
		if !strings.HasPrefix(k, "pretrain ") {
			t.Errorf("%s is left", k)
		}
	}
	if n := len(hashes(t, store)); n == 0 {
		t.Error("the pretraining that another experiment wants is gone")
	}
	verified(t, store)
	if o := run(t.Context(), t, nil, "forget", "tiny", store); o.code != 4 {
		t.Errorf("forgotten twice: exit code %d\n%s", o.code, o.stderr)
	}
}

// A store that is taken away during training ends the run in words, is not made again in
// its place, and keeps what was saved.
func TestAStoreThatVanishesDuringTraining(t *testing.T) {
	dir := t.TempDir()
	store, away := filepath.Join(dir, "store"), filepath.Join(dir, "away")
	must(t, nil, "run", tiny, "--store", store, "--cache", dir, "--only", "pretrain")
	c, lines := start(t, "run", tiny, "--store", store, "--cache", dir, "--set", long)
	defer c.Process.Kill()
	var said strings.Builder
	moved := false
	for lines.Scan() {
		said.WriteString(lines.Text() + "\n")
		if strings.Contains(lines.Text(), ": step ") && !moved {
			moved = true
			if err := os.Rename(store, away); err != nil {
				t.Error(err)
			}
		}
	}
	err := c.Wait()
	if code := c.ProcessState.ExitCode(); !moved || code != 5 || !strings.Contains(said.String(), "is gone") {
		t.Errorf("exit code %d, %v\n%s", code, err, &said)
	}
	if _, err := os.Stat(store); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("made again: %v", err)
	}
	verified(t, away)
	if len(hashes(t, away)) == 0 {
		t.Error("nothing that was saved is left")
	}
}

// mounted is a small disk of its own, where this machine can mount one.
func mounted(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: a disk cannot be mounted: it takes root")
	}
	at := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "none", at).CombinedOutput(); err != nil {
		t.Skipf("SKIPPED: a disk cannot be mounted: %v: %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			t.Errorf("umount: %v: %s", err, out)
		}
	})
	return at
}

// A disk that fills up during training ends the run in words; what was saved is whole, and
// goes on once there is room.
func TestADiskThatFillsUp(t *testing.T) {
	want, _ := reference(t)
	at := mounted(t, "700k")
	store, cache := filepath.Join(at, "store"), t.TempDir()
	o := run(t.Context(), t, nil, "run", tiny, "--store", store, "--cache", cache)
	if o.code != 5 || !strings.Contains(o.stderr, "no space left") || !strings.Contains(o.stderr, "free some space") {
		t.Errorf("exit code %d\n%s", o.code, o.stderr)
	}
	verified(t, store)
	if out, err := exec.Command("mount", "-o", "remount,size=64m", at).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	must(t, nil, "run", tiny, "--store", store, "--cache", cache)
	sameBits(t, "with room again", hashes(t, store), want)
}

// Whoever may only read a store is told so before anything is trained.
func TestAReadOnlyStore(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("SKIPPED: another user's store takes root")
	}
	dir, err := os.MkdirTemp("", "g2c-e2e-foreign-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	store, binary := filepath.Join(dir, "store"), filepath.Join(dir, "g2c")
	trainTiny(t, store)
	before := hashes(t, store)
	for from, to := range map[string]string{program: binary, tiny: filepath.Join(dir, "spec.yaml")} {
		text, err := os.ReadFile(from)
		if err == nil {
			err = os.WriteFile(to, text, 0o755)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	as := func(args ...string) (int, string) {
		c := exec.CommandContext(t.Context(), binary, args...)
		c.Dir = dir
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return c.ProcessState.ExitCode(), string(out)
	}
	for _, args := range [][]string{{"run", "spec.yaml", "--store", store}, {"ckpt", "gc", store, "--yes"}, {"forget", "tiny", store, "--yes"}} {
		if code, out := as(args...); code != 5 || !strings.Contains(out, "permission denied") || !strings.Contains(out, store) {
			t.Errorf("%v: exit code %d\n%s", args, code, out)
		}
	}
	for _, args := range [][]string{{"ls", store}, {"ckpt", "verify", store}, {"ckpt", "gc", store}, {"forget", "tiny", store}} {
		if code, out := as(args...); code != 0 {
			t.Errorf("%v: exit code %d\n%s", args, code, out)
		}
	}
	sameBits(t, "a store that was only read", hashes(t, store), before)
}
