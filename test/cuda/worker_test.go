//go:build gpu

package cuda_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// tooLong ends processes of a cluster that hangs.
const tooLong = 5 * time.Minute

// process is a g2c that runs beside the test.
type process struct {
	cmd *exec.Cmd
	log string // file of what it says
}

// start runs one until it ends or the test does.
func start(t *testing.T, dir, name string, env []string, args ...string) *process {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), tooLong)
	p := &process{exec.CommandContext(ctx, program, args...), filepath.Join(dir, name+".log")}
	log, err := os.Create(p.log)
	if err != nil {
		t.Fatal(err)
	}
	p.cmd.Stdout, p.cmd.Stderr, p.cmd.Env = log, log, append(os.Environ(), env...)
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = p.cmd.Wait() // it was killed, or has ended before
		_ = log.Close()
	})
	return p
}

// said is what it has written.
func (p *process) said() string {
	text, err := os.ReadFile(p.log)
	return fmt.Sprint(string(text), err)
}

// address is a port that is free now, below those that systems hand out.
func address(t *testing.T) string {
	t.Helper()
	for range 1000 {
		l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", 20_000+rand.N(12_000)))
		if err == nil {
			_ = l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

// checkCards wants the first two tasks on a GPU each, and the last fine-tuning on both.
func checkCards(t *testing.T, found map[string][]string) {
	t.Helper()
	apart := map[string]bool{}
	for _, name := range []string{"finetune/s-vs-noa/PAS_ONLY/b1/s1", "pretrain/HE/w4/b1/s1"} {
		if all := found[name]; len(all) > 0 {
			apart[all[0]] = true
		}
	}
	if len(apart) != 2 || !apart["cuda:0"] || !apart["cuda:1"] {
		t.Errorf("side by side on %v: %v", apart, found)
	}
	all := found["finetune/s-vs-noa/PAS_H&E/b1/s1"]
	for _, cards := range all {
		if cards != "cuda:0, cuda:1" && cards != "cuda:1, cuda:0" {
			t.Errorf("together on %q", all)
		}
	}
	if len(all) == 0 {
		t.Error("nothing says where the task of two slots trained")
	}
}

// begins are the GPUs that each task begins on, generation by generation, as its log
// says.
func begins(t *testing.T, server, experiment string) map[string][]string {
	t.Helper()
	_, stdout, stderr := run(t, nil, "ps", experiment, "--server", server, "--json")
	var list struct {
		Tasks []struct{ Key, Name string }
	}
	if err := json.Unmarshal([]byte(stdout), &list); err != nil || len(list.Tasks) == 0 {
		t.Fatalf("ps: %v: %s%s", err, stdout, stderr)
	}
	found := map[string][]string{}
	for _, task := range list.Tasks {
		_, log, _ := run(t, nil, "logs", task.Key, "--server", server)
		for line := range strings.Lines(log) {
			if _, rest, ok := strings.Cut(line, " begins on "); ok {
				_, cards, _ := strings.Cut(rest, " (")
				cards, _, _ = strings.Cut(cards, ")")
				found[task.Name] = append(found[task.Name], cards)
			}
		}
	}
	return found
}

// until waits for something that a process says.
func (p *process) until(t *testing.T, what string) {
	t.Helper()
	late, tick := time.After(tooLong), time.NewTicker(10*time.Millisecond)
	defer tick.Stop()
	for !strings.Contains(p.said(), what) {
		select {
		case <-late:
			t.Fatalf("it never says %q: %s", what, p.said())
		case <-tick.C:
		}
	}
}

// A worker of two GPUs trains two tasks side by side, and one that asks for two on both.
// When a task loses a GPU that another process finds well, it has failed and the worker
// lives; when none finds it well, the worker ends. The next worker goes on to the weights
// of one GPU.
func TestCUDAWorker(t *testing.T) {
	want := alone(t)
	store, server := t.TempDir(), address(t)
	cluster := []string{"--store", store, "--server", server}
	text, err := os.ReadFile("../e2e/testdata/tiny.yaml")
	if err != nil {
		t.Fatal(err)
	}
	spec := filepath.Join(store, "tiny.yaml")
	if err := os.WriteFile(spec, []byte(strings.Replace(string(text), "stains: [HE]", "stains: [HE], gang.min: 2", 1)), 0o644); err != nil {
		t.Fatal(err)
	}
	start(t, store, "c1", nil, "coordinator", "--id", "c1", "--listen", server, "--single", "--store", store)
	worker := append([]string{"worker", "--id", "w1", "--slots", "cuda:2", "--cache", filepath.Join(store, "cache")}, cluster...)
	two := append(slices.Clone(emulated), "EMU_DEVICES=2")
	loses := start(t, store, "w1", append(slices.Clone(two), "EMU_FAULTS=sticky:60"), worker...)
	submit := append(append([]string{"submit", spec}, tiny(store)[2:]...), "--server", server)
	code, stdout, stderr := run(t, emulated, submit...)
	if code != 0 {
		t.Fatalf("submit ends with %d: %s", code, stderr)
	}
	experiment := strings.TrimSpace(stdout)
	loses.until(t, "a device was lost to a task's process, and is well for another")
	if err := loses.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_ = loses.cmd.Wait() // the exit code says it
	if code := loses.cmd.ProcessState.ExitCode(); code != 0 {
		t.Fatalf("a worker that has lost a card to a task and is asked to go ends in %d: %s", code, loses.said())
	}
	driver, link := "", filepath.Join(t.TempDir(), "libcuda.so.1")
	for _, e := range emulated {
		if path, ok := strings.CutPrefix(e, "G2C_LIBCUDA="); ok {
			driver = path
		}
	}
	if err := os.Symlink(driver, link); err != nil {
		t.Fatal(err)
	}
	ill := start(t, store, "w3", append(slices.Clone(two), "G2C_LIBCUDA="+link), worker...)
	ill.until(t, "the gang has met")
	if err := os.Remove(link); err != nil { // for processes that begin now
		t.Fatal(err)
	}
	_ = ill.cmd.Wait() // the exit code says it
	if code := ill.cmd.ProcessState.ExitCode(); code != 5 || !strings.Contains(ill.said(), "another process does not find it well") {
		t.Fatalf("a worker whose cards are lost ends in %d: %s", code, ill.said())
	}
	goes := start(t, store, "w2", two, worker...)
	if code, _, stderr := run(t, emulated, append(submit, "--wait")...); code != 0 {
		t.Fatalf("the experiment ends with %d: %s%s", code, stderr, goes.said())
	}
	checkCards(t, begins(t, server, experiment))
	_, got, _ := trainedOn(t, store, nil)
	for name, hash := range want {
		if hash == "" || got[name] != hash {
			t.Errorf("%s ends in %s on one GPU, in %s on a cluster", name, hash, got[name])
		}
	}
}
