package cluster

import (
	"syscall"
	"testing"
	"time"

	"g2c/internal/pki"
)

// Certificates that end are replaced while everything runs: connections end with
// them, and nobody else notices.
func TestCertificatesAreReplacedInTime(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	const valid = 12 * time.Second
	began := time.Now()
	short := map[string]pki.Role{"c1": pki.Coordinator, "w1": pki.Worker}
	issue := func(r pki.Request) {
		t.Helper()
		for r.Name, r.Role = range short {
			r.Hosts = []string{"127.0.0.1"}
			if err := pki.Issue(c.path("ca"), c.path("certs-"+r.Name), r); err != nil {
				t.Fatal(err)
			}
		}
	}
	issue(pki.Request{From: began.Add(-time.Hour), Valid: time.Hour + valid})
	c.single()
	w := c.addWorker("w1", "--rehearse", "50ms")
	experiment := c.submit("testdata/sweep.yaml", "--set", "sweep.seeds=["+numbers(100)+"]")
	c.done(experiment, 10, 20*time.Second)
	issue(pki.Request{})
	c.nodes["c1"].signal(syscall.SIGHUP)
	w.signal(syscall.SIGHUP)
	eventually(t, time.Minute, "past the end of the first certificates", func() bool { return time.Since(began) > valid+2*time.Second })
	before := int(c.counts(experiment).Done)
	c.done(experiment, before+20, 20*time.Second)
	if !w.alive() || !c.nodes["c1"].alive() {
		t.Error("a process has ended")
	}
	for _, task := range c.ps(experiment) {
		if task.Attempts > 1 {
			t.Errorf("%s was placed %d times: its worker did not come back in time", task.Name, task.Attempts)
		}
	}
}
