package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"g2c/internal/fault"
)

// verb runs a verb and returns what it wrote to standard output.
func verb(t *testing.T, args ...string) (string, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout := os.Stdout
	os.Stdout = w
	read := make(chan string, 1)
	go func() {
		b, _ := io.ReadAll(r)
		read <- string(b)
	}()
	root := newRoot()
	root.SetArgs(args)
	err = root.ExecuteContext(t.Context())
	os.Stdout = stdout
	w.Close()
	return <-read, err
}

// beginCluster runs a coordinator and a worker that rehearses, in this process, and
// points the environment at them.
func beginCluster(t *testing.T, broken string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	l.Close()
	t.Setenv("G2C_SERVER", address)
	t.Setenv("G2C_CERTS", "")
	begin := func(what string, serve func(context.Context) error) {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- serve(ctx) }()
		t.Cleanup(func() { // the worker's before the coordinator's: it deregisters
			cancel()
			if err := <-ended; err != nil {
				t.Errorf("the %s ended: %v", what, err)
			}
		})
	}
	begin("coordinator", func(ctx context.Context) error {
		return runCoordinator(ctx, &coordinatorFlags{id: "c1", listen: address, single: true, lease: 5 * time.Second, keep: time.Hour})
	})
	begin("worker", func(ctx context.Context) error {
		return runWorker(ctx, &workerFlags{id: "w1", server: address, slots: "cpu:2", rehearse: time.Millisecond, broken: broken})
	})
}

const tinySpec = "../../test/e2e/testdata/tiny.yaml"

// The verbs of a cluster do what they say, in words and as JSON, with their exit codes.
func TestVerbsOfACluster(t *testing.T) {
	beginCluster(t, "evaluate/s-vs-noa/PAS_ONLY")
	out, err := verb(t, "submit", tinySpec, "--wait")
	id := strings.TrimSpace(out)
	if fault.ExitCode(err) != fault.ExitTraining || !strings.HasPrefix(id, "tiny-") || !strings.Contains(err.Error(), "g2c retry "+id) {
		t.Fatalf("submit prints %q and ends with %v", out, err)
	}
	var ps struct{ Tasks []taskInfo }
	out, err = verb(t, "ps", id, "--json")
	if err != nil || json.Unmarshal([]byte(out), &ps) != nil || len(ps.Tasks) != 5 {
		t.Fatalf("ps: %s, %v", out, err)
	}
	at := slices.IndexFunc(ps.Tasks, func(i taskInfo) bool { return i.State == "failed" })
	if at < 0 || ps.Tasks[at].Reason == "" || ps.Tasks[at].Attempts != 1 {
		t.Fatalf("no task failed: %+v", ps.Tasks)
	}
	key := ps.Tasks[at].Key
	for _, try := range []struct {
		args string
		says string
		code int
	}{
		{"ps", id, 0},
		{"describe " + id, "failed", 0},
		{"describe " + key[:10], ps.Tasks[at].Name, 0},
		{"describe " + key + " --json", `"completions": 0`, 0},
		{"describe " + key + " --json", `"held": []`, 0},
		{"logs " + key, "", 0},
		{"watch " + id, "4 done, 1 failed", fault.ExitTraining},
		{"status --json", `"leader": "c1"`, 0},
		{"workers ls --json", `"state": "ready"`, 0},
		{"workers cordon w1 --reason disk", "", 0},
		{"workers ls", "cordoned", 0},
		{"workers ls", "disk", 0},
		{"workers maintain w1 --in 30m --for 2h --reason fan --json", `"state": "maintenance"`, 0},
		{"workers ls", ": fan", 0},
		{"workers ready w1 --json", `"tasks": []`, 0},
		{"top", "PROGRESS", 0},
		{"top --json", `"tasks": []`, 0},
		{"workers drain nobody", "", fault.ExitNotFound},
		{"workers drain nobody --wait", "", fault.ExitNotFound},
		{"workers drain w1 --wait --json", `"idle": `, 0},
		{"workers ready w1", "", 0},
		{"demand", "WAITING", 0},
		{"demand --json", `"demand": []`, 0},
		{"hold " + id + " --reason budget --json", `"reason": "budget"`, 0},
		{"describe " + id, ": budget", 0},
		{"ps --json", `"sinceMs": `, 0},
		{"release " + id + " --json", `"state": "failed"`, 0},
		{"hold nothing-here", "", fault.ExitNotFound},
		{"release nothing-here", "", fault.ExitNotFound},
		{"projects set p --quota 3 --json", `"quota": 3`, 0},
		{"members raise 1 --json", `"level": 1`, 0},
		{"members raise high", "", fault.ExitSpec},
		{"projects ls --json", `"quota": 3`, 0},
		{"audit", "submit", 0},
		{"token create --role viewer", "g2c_", 0},
		{"token create --role king", "", fault.ExitSpec},
		{"token ls", "viewer", 0},
		{"cancel " + id + " --reason enough --json", `"state": "cancelled"`, 0},
		{"watch " + id, "", fault.ExitInterrupted},
		{"retry " + id, "", fault.ExitUnavailable},
		{"doctor", "c1 leads, 1 of 1 coordinator healthy, 1 worker connected", 0},
		{"doctor --server 127.0.0.1:1", "fail  cluster", fault.ExitTraining},
		{"describe nothing-here", "", fault.ExitNotFound},
		{"logs " + id, "", fault.ExitSpec},
		{"status --server 127.0.0.1", "", fault.ExitSpec},
		{"status --certs /nowhere", "", fault.ExitNotFound},
		{"ps --token @/nowhere", "", fault.ExitNotFound},
		{"ps --token nonsense", "", fault.ExitUnavailable},
	} {
		out, err := verb(t, strings.Fields(try.args)...)
		if fault.ExitCode(err) != try.code || !strings.Contains(out, try.says) {
			t.Errorf("g2c %s prints %q and ends with %v; want %q and exit code %d", try.args, out, err, try.says, try.code)
		}
		if strings.HasPrefix(try.args, "workers drain nobody") && !strings.Contains(err.Error(), "g2c workers ls") {
			t.Errorf("g2c %s does not say where workers are listed: %v", try.args, err)
		}
		if strings.HasPrefix(try.args, "retry") && !strings.Contains(err.Error(), "submit the spec again") {
			t.Errorf("g2c %s does not say what to do instead: %v", try.args, err)
		}
		if err != nil && errors.Is(err, fault.ErrUnavailable) && strings.Contains(err.Error(), "rpc error") {
			t.Errorf("g2c %s speaks of RPCs: %v", try.args, err)
		}
	}
}

// What is done is not run again, and waiting for it ends at once.
func TestSubmitTwice(t *testing.T) {
	beginCluster(t, "")
	for _, done := range []string{`"done": 0`, `"done": 5`} {
		out, err := verb(t, "submit", tinySpec, "--wait", "--json")
		if err != nil || !strings.Contains(out, done) {
			t.Fatalf("%s, %v; want %s", out, err, done)
		}
	}
}

// An experiment that comes held waits, says so, and trains once it is released.
func TestSubmitHeld(t *testing.T) {
	beginCluster(t, "")
	out, err := verb(t, "submit", tinySpec, "--hold")
	id := strings.TrimSpace(out)
	if err != nil {
		t.Fatal(err)
	}
	for args, says := range map[string]string{"ps": "held", "describe " + id: "held by local/loopback since ", "demand --json": `"demand": []`} {
		if out, err := verb(t, strings.Fields(args)...); err != nil || !strings.Contains(out, says) {
			t.Errorf("g2c %s prints %q and ends with %v; want %q", args, out, err, says)
		}
	}
	if out, err := verb(t, "release", id, "--json"); err != nil || !strings.Contains(out, `"state": "running"`) {
		t.Errorf("release prints %q and ends with %v", out, err)
	}
	if out, err := verb(t, "watch", id); err != nil || !strings.Contains(out, "5 done") {
		t.Errorf("watch prints %q and ends with %v", out, err)
	}
}

// What is done stays done when somebody cancels it.
func TestCancelWhatHasEnded(t *testing.T) {
	beginCluster(t, "")
	out, err := verb(t, "submit", tinySpec, "--wait")
	if err != nil {
		t.Fatal(err)
	}
	id := strings.TrimSpace(out)
	if out, err := verb(t, "cancel", id, "--json"); err != nil || !strings.Contains(out, `"state": "done"`) {
		t.Errorf("cancel of what is done: %s, %v", out, err)
	}
}

// Who stops watching is told that the experiment goes on, and how to stop it.
func TestAWatchThatIsInterrupted(t *testing.T) {
	beginCluster(t, "")
	var f clientFlags
	f.server = os.Getenv("G2C_SERVER")
	cluster, err := f.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer cluster.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = await(ctx, cluster, "tiny-1", func(string, ...any) {})
	if fault.ExitCode(err) != fault.ExitInterrupted || !strings.Contains(err.Error(), "g2c cancel tiny-1") {
		t.Errorf("it ends with %v", err)
	}
}

// Mistakes on the command line are told in the words of the command line.
func TestWordsOfMistakes(t *testing.T) {
	t.Setenv("G2C_SERVER", "")
	t.Setenv("G2C_CERTS", "")
	for _, try := range []struct{ args, says string }{
		{"describe", "`g2c describe ID`, and was given no argument"},
		{"ps a b", "`g2c ps [ID]`, and was given a b"},
		{"projects set p --weight -1", `invalid argument "-1" for "--weight" flag: invalid syntax`},
		{"status --server there", "a server is host:port"},
		{"worker --id w1", "G2C_SERVER"},
		{"certs issue CA --role client --name ann -o CA/ann --days -3", "a day at least"},
	} {
		_, err := verb(t, strings.Fields(try.args)...)
		if fault.ExitCode(err) != fault.ExitSpec || !strings.Contains(err.Error(), try.says) {
			t.Errorf("g2c %s ends with %v; want %q", try.args, err, try.says)
		}
	}
}
