package cluster

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	apiv1 "g2c/api/v1"
	"g2c/internal/netfault"
)

// gangSpec trains at most forty steps a task, on two stains, with eight shards: gangs of two and three.
const gangSpec = "testdata/gangs.yaml"

var (
	gangKills = flag.Int("gangkills", 1, "how often a worker of a gang is killed")
	gangLong  = flag.Bool("ganglong", false, "have more go wrong with the network between workers than there is time for in every run")
	gangSeed  = flag.Uint64("gangseed", 0, "what the moments of kills are drawn from; 0 for another one each time")
)

// gangs is a cluster that trains the same experiment again and again, under other seeds, while
// something goes wrong; at the end all weights are those of one process.
type gangs struct {
	*cluster
	store string
	r     *rand.Rand
	seed  int                       // of the last experiment
	ways  map[string]*netfault.Link // that lead to workers

	experiment string // the only one, of a measurement
}

// trial is what happens while an experiment trains.
type gangTrial struct {
	name string
	do   func(experiment string)
}

// Whatever happens to the workers and coordinators that train an experiment together, it ends
// in the bits of one process, each task done once.
func TestGangsTrainTheSameBits(t *testing.T) {
	seed := *gangSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("play it again with -gangseed %d", seed)
	c := newCluster(t)
	g := newGangs(c, rand.New(rand.NewPCG(seed, 15)))
	c.found("", "c1", "c2", "c3")
	g.worker("w1")
	for _, trial := range g.trials() {
		began := time.Now()
		experiment := g.begins()
		g.trains(experiment)
		trial.do(experiment)
		c.done(experiment, 4, 4*time.Minute)
		c.onceEach(experiment, 4)
		t.Logf("%s: %v", trial.name, time.Since(began).Round(100*time.Millisecond))
		g.restored()
	}
	alone := t.TempDir()
	if o := run(t, 10*time.Minute, nil, "run", gangSpec, "--store", alone, "--cache", c.path("cache"), "--set", "sweep.seeds=["+numbers(g.seed)+"]"); o.code != 0 {
		t.Fatalf("one process: exit code %d\n%s", o.code, o.stderr)
	}
	got, want := weights(t, g.store), weights(t, alone)
	if len(want) != 3*g.seed || !maps.Equal(got, want) {
		for task, hash := range want {
			if got[task] != hash {
				t.Errorf("%s: weights %s, of one process %s", task, got[task], hash)
			}
		}
		t.Errorf("%d weights, of one process %d", len(got), len(want))
	}
	if !g.together() {
		t.Error("no task was ever trained by several workers")
	}
	noStepTwice(t, g.attendances())
}

func newGangs(c *cluster, r *rand.Rand) *gangs {
	g := &gangs{cluster: c, store: c.t.TempDir(), r: r, ways: map[string]*netfault.Link{}}
	c.args = []string{"--store", g.store, "--lease", "5s", "--grow-after", "1s", "--dwell", "2s"}
	return g
}

// trials lists what happens, one experiment after another.
func (g *gangs) trials() []gangTrial {
	list := []gangTrial{
		{"one worker", func(string) {}},
		{"one joins", g.joins},
		{"the leader is killed", func(string) { g.leader().kill() }},
		{"a worker is told to go", g.goes},
		{"it is held, and released", g.held},
		{"a worker is stopped for longer than its lease", g.sleeps},
		{"every coordinator is gone for a while", g.headless},
		{"nothing passes between workers", g.stalled},
		{"connections between workers are cut", g.cut},
	}
	if *gangLong {
		list = append(list, gangTrial{"the network between workers is slow", g.slow}, gangTrial{"a worker is cut off from the coordinators", g.unled},
			gangTrial{"nothing passes one way between workers", g.oneWay}, gangTrial{"nothing", func(string) {}})
	}
	for range *gangKills {
		list = append(list, gangTrial{"a worker is killed", g.killed})
	}
	return list
}

// worker starts a worker that trains with others, who reach it over a link.
func (g *gangs) worker(id string) {
	at := address(g.t)
	way, err := netfault.Listen(at)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(way.Close)
	g.ways[id] = way
	g.addWorker(id, "--store", g.store, "--cache", g.path("cache"), "--slots", "cpu:1", "--listen", at, "--advertise", way.Addr())
}

// begins submits the experiment under the next seed.
func (g *gangs) begins() string {
	g.seed++
	return g.submit(gangSpec, "--store", g.store, "--set", fmt.Sprintf("sweep.seeds=[%d]", g.seed))
}

// trains waits until the fine-tuning has begun, and a moment more.
func (g *gangs) trains(experiment string) {
	g.t.Helper()
	key := g.finetuning(experiment)
	after := g.r.IntN(12)
	eventually(g.t, 3*time.Minute, "fine-tuning", func() bool {
		return g.progress(key) > after || int(g.counts(experiment).Done) == 4
	})
}

// progress is how many steps of a task are done, as the coordinators have heard; 0 if they
// do not answer.
func (g *gangs) progress(key string) int {
	ctx, cancel := context.WithTimeout(g.t.Context(), 10*time.Second)
	defer cancel()
	r, err := g.client.Tasks().DescribeTask(ctx, &apiv1.DescribeTaskRequest{Key: key})
	if err != nil {
		return 0
	}
	return int(r.Task.GetProgress().GetStep())
}

// finetuning is the key of an experiment's fine-tuning.
func (g *gangs) finetuning(experiment string) string {
	for _, task := range g.ps(experiment) {
		if strings.HasPrefix(task.Name, "finetune/") {
			return task.Key
		}
	}
	g.t.Fatal("no fine-tuning")
	return ""
}

// joins has two workers come late.
func (g *gangs) joins(string) {
	g.worker("w2")
	g.worker("w3")
}

// one is a worker, drawn at random.
func (g *gangs) one() *worker { return g.workers[fmt.Sprint("w", 1+g.r.IntN(3))] }

// killed kills a worker as a power cut would, and says when another was a step further.
func (g *gangs) killed(experiment string) {
	g.trainsTogether(experiment)
	w := g.one()
	w.kill()
	dead := time.Now()
	g.done(experiment, 4, 4*time.Minute)
	for _, a := range g.attendances() {
		if a.at.After(dead) && !a.trains.IsZero() && a.worker != w.id {
			g.t.Logf("%s was killed; the gang's next step was done %v later, by %d of them", w.id, a.trains.Sub(dead).Round(10*time.Millisecond), a.members)
			return
		}
	}
}

func (g *gangs) goes(string) {
	w := g.one()
	w.signal(syscall.SIGTERM)
	if code := w.exit(time.Minute); code != 0 {
		g.t.Errorf("%s ended with exit code %d when it was asked to", w.id, code)
	}
}

// sleeps stops a worker's process until others have taken it for lost.
func (g *gangs) sleeps(experiment string) {
	w := g.one()
	w.signal(syscall.SIGSTOP)
	eventually(g.t, time.Minute, "lost", func() bool {
		return strings.Contains(g.verb("workers", "ls").stdout, w.id+" lost") || g.lost(w.id) || int(g.counts(experiment).Done) == 4
	})
	w.signal(syscall.SIGCONT)
}

// lost says whether a worker is called lost.
func (g *gangs) lost(id string) bool {
	for line := range strings.Lines(g.verb("workers", "ls").stdout) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == id {
			return f[1] == "lost"
		}
	}
	return false
}

// headless kills every coordinator and has them back once workers have missed them for longer
// than their lease.
func (g *gangs) headless(string) {
	for _, n := range g.nodes {
		n.kill()
	}
	away := time.Now()
	eventually(g.t, time.Minute, "away for long enough", func() bool { return time.Since(away) > 8*time.Second })
	for _, n := range g.nodes {
		g.startNode(n)
	}
	g.voters(3)
}

// restored has everybody back.
func (g *gangs) restored() {
	for _, n := range g.nodes {
		if !n.alive() {
			g.startNode(n)
		}
	}
	g.voters(3)
	for _, w := range g.workers {
		if !w.alive() {
			g.startWorker(w)
		}
	}
	eventually(g.t, time.Minute, "all connected", func() bool { return int(g.status().WorkersConnected) == len(g.workers) })
}

// together says whether several workers ever trained one task, by their logs.
func (g *gangs) together() bool {
	for _, w := range g.workers {
		b, err := os.ReadFile(w.log)
		if err == nil && strings.Contains(string(b), "workers=2") {
			return true
		}
	}
	return false
}
