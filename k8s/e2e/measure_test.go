package e2e

import (
	"bufio"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/api/v1alpha1"
)

var (
	measure     = flag.String("measure", "", "file to which TestMeasure adds what it measures; `make bench-k8s` runs it")
	experiments = flag.Int("experiments", 2000, "Experiments of TestMeasure")
	workers     = flag.Int("workers", 500, "workers of TestMeasure, 600 at most")
)

// Addresses of what TestMeasure runs.
const (
	measuredCoordinator = "127.0.0.1:7443"
	measuredOperator    = "127.0.0.1:9090"
)

// TestMeasure measures the operator: many Experiments and a large pool stated at once, and
// what it costs to keep them when nothing changes. Nodes say that pods are ready, and run
// nothing: the tasks wait.
func TestMeasure(t *testing.T) {
	if *measure == "" {
		t.Skip("SKIPPED: nothing is measured: `make bench-k8s` does that")
	}
	k := (&kit{t: t, all: t, pretend: true, flags: []string{"--metrics-listen", measuredOperator}}).begun()
	k.coordinate()
	began := time.Now()
	k.begin()
	t.Cleanup(k.kill)
	k.meets("the operator answers", func() bool { _, err := k.asked(); return err == nil })
	startup, empty := time.Since(began), k.memory("VmRSS")
	before := k.requests()
	load := k.load()

	began = time.Now()
	k.create(k.measuredPool())
	k.stateAll()
	stated := time.Since(began)
	var accepted, there, ready time.Duration
	k.meets("all are accepted, and all workers ready", func() bool {
		at := time.Since(began)
		if accepted == 0 && k.accepted() == *experiments {
			accepted = at
		}
		pods := k.pods("worker")
		if there == 0 && len(pods) == *workers {
			there = at
		}
		if ready == 0 && k.poolReady() == *workers {
			ready = at
		}
		return accepted > 0 && there > 0 && ready > 0
	})
	cost := k.requests().minus(before)

	quiet, cpu, from := k.requests(), k.processor(), time.Now()
	const still = time.Minute
	<-time.After(still)
	rest := k.requests().minus(quiet)
	busy := float64(k.processor()-cpu) / float64(time.Since(from))
	n := float64(*experiments)
	k.write([][2]string{
		{"operator begun, until it answers", round(startup)},
		{"all stated by the test", round(stated)},
		{"all Experiments accepted", round(accepted)},
		{"all pods made", round(there)},
		{"all pods ready, and the pool says so", round(ready)},
		{"requests to the apiserver until then, by Experiment", fmt.Sprintf("%.2f (of them %.2f reads)", cost.all/n, cost.reads/n)},
		{"requests in the minute after it", fmt.Sprintf("%.0f (of them %.0f reads)", rest.all, rest.reads)},
		{"processors that the operator kept busy in that minute", fmt.Sprintf("%.2f", busy)},
		{"operator's memory: empty, at the end, the most", fmt.Sprintf("%s, %s, %s MiB", empty, k.memory("VmRSS"), k.memory("VmHWM"))},
		{"load of the machine, before and at the end", load + ", " + k.load()},
	})
}

func round(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }

// coordinate starts a coordinator, which the Cluster names and which keeps all in memory.
func (k *kit) coordinate() {
	k.t.Helper()
	log, err := os.Create(filepath.Join(k.root, "coordinator.log"))
	k.must(err)
	c := exec.Command(program, "coordinator", "--id", "c", "--single", "--listen", measuredCoordinator)
	c.Stdout, c.Stderr = log, log
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	k.must(c.Start())
	k.must(log.Close())
	k.all.Cleanup(func() {
		c.Process.Kill()
		c.Wait() // how it ended is known
	})
	k.run("projects", "set", space, "--weight", "1", "--server", measuredCoordinator)
	cluster := &v1alpha1.Cluster{Spec: v1alpha1.ClusterSpec{Servers: []string{measuredCoordinator}, Store: "/store", Image: "g2c:1"}}
	cluster.Name, cluster.Namespace = "main", space
	k.create(cluster)
}

func (k *kit) measuredPool() *v1alpha1.WorkerPool {
	p := &v1alpha1.WorkerPool{Spec: v1alpha1.WorkerPoolSpec{
		ClusterRef: v1alpha1.LocalReference{Name: "main"}, Workers: v1alpha1.Workers{Min: int32(*workers), Max: int32(*workers), Device: "cpu", Slots: 1},
	}}
	p.Name, p.Namespace = "pool", space
	return p
}

// stateAll creates the Experiments, each of other tasks on the same data: images are made up
// once.
func (k *kit) stateAll() {
	k.t.Helper()
	const sideBySide = 8
	b, err := os.ReadFile("../../test/e2e/testdata/tiny.yaml")
	k.must(err)
	var work sync.WaitGroup
	numbers := make(chan int)
	for range sideBySide {
		work.Go(func() {
			for n := range numbers {
				spec := strings.NewReplacer("name: tiny", fmt.Sprint("name: tiny", n), "epochs: 2,", fmt.Sprintf("epochs: %d,", 2+n), "epochs: 3,", fmt.Sprintf("epochs: %d,", 3+n)).Replace(string(b))
				e := &v1alpha1.Experiment{Spec: v1alpha1.ExperimentSpec{ClusterRef: v1alpha1.LocalReference{Name: "main"}, Experiment: spec}}
				e.Name, e.Namespace = fmt.Sprint("e", n), space
				if err := k.admin.Create(k.t.Context(), e); err != nil {
					k.t.Error(err)
				}
			}
		})
	}
	for n := range *experiments {
		numbers <- n
	}
	close(numbers)
	work.Wait()
}

func (k *kit) accepted() (n int) {
	k.t.Helper()
	var list v1alpha1.ExperimentList
	k.must(k.admin.List(k.t.Context(), &list, client.InNamespace(space)))
	for i := range list.Items {
		if meta.IsStatusConditionTrue(list.Items[i].Status.Conditions, v1alpha1.Accepted) {
			n++
		}
	}
	return n
}

func (k *kit) poolReady() int {
	k.t.Helper()
	p := k.measuredPool()
	k.must(k.admin.Get(k.t.Context(), client.ObjectKeyFromObject(p), p))
	if p.Status.Workers == nil {
		return 0
	}
	return int(p.Status.Workers.Ready)
}

// meets looks every half second whether something is so. It looks seldom: what it asks the
// apiserver for takes the processors of what is measured.
func (k *kit) meets(what string, so func() bool) {
	k.t.Helper()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	late := time.After(2 * patience)
	for !so() {
		select {
		case <-tick.C:
		case <-late:
			k.t.Fatalf("still not: %s", what)
		}
	}
}

// requests are those that the operator made to the apiserver.
type requests struct{ all, reads float64 }

func (r requests) minus(o requests) requests { return requests{r.all - o.all, r.reads - o.reads} }

func (k *kit) requests() requests {
	k.t.Helper()
	r, err := k.asked()
	k.must(err)
	return r
}

// asked reads the operator's metrics.
func (k *kit) asked() (out requests, err error) {
	r, err := http.Get("http://" + measuredOperator + "/metrics")
	if err != nil {
		return out, err
	}
	defer r.Body.Close()
	lines := bufio.NewScanner(r.Body)
	for lines.Scan() {
		labels, value, _ := strings.Cut(lines.Text(), "} ")
		if !strings.HasPrefix(labels, "rest_client_requests_total{") {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return out, err
		}
		out.all += n
		if strings.Contains(labels, `method="GET"`) {
			out.reads += n
		}
	}
	return out, lines.Err()
}

// memory of the operator's process, in MiB: VmRSS now, VmHWM at the most.
func (k *kit) memory(which string) string {
	k.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", k.operator.Process.Pid))
	k.must(err)
	_, rest, _ := strings.Cut(string(b), which+":")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	k.must(err)
	return strconv.Itoa(kib / 1024)
}

// processor is how much time the operator has taken of processors.
func (k *kit) processor() time.Duration {
	k.t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", k.operator.Process.Pid))
	k.must(err)
	_, rest, _ := strings.Cut(string(b), ") ")
	const user, system, tick = 11, 12, 10 * time.Millisecond // after the name, USER_HZ
	var sum time.Duration
	for _, at := range []int{user, system} {
		n, err := strconv.Atoi(strings.Fields(rest)[at])
		k.must(err)
		sum += time.Duration(n) * tick
	}
	return sum
}

func (k *kit) load() string {
	k.t.Helper()
	b, err := os.ReadFile("/proc/loadavg")
	k.must(err)
	return strings.Fields(string(b))[0]
}

// write adds a table to the file of measures.
func (k *kit) write(rows [][2]string) {
	k.t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "\n## %d Experiments, %d workers\n\n%d processors, %s\n\n| measure | result |\n|---|---|\n", *experiments, *workers, runtime.NumCPU(), runtime.Version())
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s |\n", r[0], r[1])
	}
	k.t.Log(b.String())
	f, err := os.OpenFile(*measure, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	k.must(err)
	_, err = f.WriteString(b.String())
	k.must(err)
	k.must(f.Close())
}
