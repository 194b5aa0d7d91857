// Command coordinator measures the coordinator: its pure parts at the size of a large
// cluster, 10,000 slots and 100,000 tasks, and its log in three processes that wait
// for their disks. It prints a row for each measure beside what it is held to. Run it
// on a quiet machine:
//
//	go run ./bench/coordinator            # everything: a quarter of an hour, most of it failover and calm
//	go run ./bench/coordinator -part plan
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// row is a measure.
type row struct {
	what, got, want string
}

// part is one measurement.
type part struct {
	name    string
	measure func() ([]row, error)
}

var parts = []part{
	{"plan", measurePlan},
	{"place", measurePlacement},
	{"memory", measureMemory},
	{"snapshot", measureSnapshot},
	{"submit", measureSubmit},
	{"writes", measureWrites},
	{"failover", measureFailover},
	{"calm", measureCalm},
}

var (
	folder  = flag.String("folder", "build/bench", "where the processes of a cluster keep their data: a local disk")
	kills   = flag.Int("kills", 100, "how often failover kills the leader")
	minutes = flag.Float64("minutes", 10, "how long calm looks for elections")
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var names []string
	for _, p := range parts {
		names = append(names, p.name)
	}
	only := flag.String("part", "all", "what to measure: all, "+strings.Join(names, ", "))
	var node nodeArgs
	flag.StringVar(&node.id, "node", "", "be one process of a cluster; writes and failover start these themselves")
	flag.StringVar(&node.listen, "listen", "", "address of this -node")
	flag.StringVar(&node.peers, "peers", "", "all nodes: name@address,...")
	flag.StringVar(&node.dir, "dir", "", "data folder of this -node")
	flag.StringVar(&node.certs, "certs", "", "identity of this -node")
	flag.Parse()
	if node.id != "" {
		return runNode(node)
	}
	if *only != "all" && !slices.Contains(names, *only) {
		return fmt.Errorf("no part %q, want all or one of %v", *only, names)
	}
	fmt.Printf("%d processors, %s\n\n| measure | result | goal |\n|---|---|---|\n", runtime.GOMAXPROCS(0), runtime.Version())
	for _, p := range parts {
		if *only != "all" && *only != p.name {
			continue
		}
		rows, err := p.measure()
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		for _, r := range rows {
			fmt.Printf("| %s | %s | %s |\n", r.what, r.got, r.want)
		}
		runtime.GC()
	}
	return nil
}

// times runs something again and again and says how long it took.
func times(n int, do func() error) (string, error) {
	var all []time.Duration
	for range n {
		began := time.Now()
		if err := do(); err != nil {
			return "", err
		}
		all = append(all, time.Since(began))
	}
	return spread(all), nil
}

// spread is the median and the worst of some times.
func spread(all []time.Duration) string {
	slices.Sort(all)
	n := len(all)
	return fmt.Sprintf("%v (worst of %d: %v)", round(all[n/2]), n, round(all[n-1]))
}

func round(d time.Duration) time.Duration {
	switch {
	case d > 10*time.Millisecond:
		return d.Round(time.Millisecond)
	case d > 10*time.Microsecond:
		return d.Round(time.Microsecond)
	}
	return d.Round(10 * time.Nanosecond)
}
