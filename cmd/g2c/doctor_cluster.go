package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	apiv1 "g2c/api/v1"
	"g2c/internal/pki"
)

// Limits of what is called well.
const (
	clusterPatience = 5 * time.Second
	certificateEnds = 14 * 24 * time.Hour // before its end a certificate is to be issued anew
)

// checkCluster asks the cluster that the user works with, if any is named.
func checkCluster(ctx context.Context, f *clientFlags) []finding {
	if f.server == "" {
		return nil
	}
	var out []finding
	if f.certs != "" {
		out = append(out, checkCertificate(f.certs, time.Now()))
	}
	for s := range strings.SplitSeq(f.server, ",") {
		if p := proxyOf(strings.TrimSpace(s)); p != "" {
			out = append(out, finding{"proxy", warns, fmt.Sprintf("%s is asked by way of the proxy %s", s, p), "if the cluster needs none, add its hosts to NO_PROXY"})
		}
	}
	bad := func(err error) []finding {
		return append(out, finding{"cluster", fails, err.Error(), "start its coordinators, or correct --server, --certs and --token"})
	}
	cluster, err := f.dial()
	if err != nil {
		return bad(err)
	}
	defer cluster.Close()
	ctx, cancel := context.WithTimeout(ctx, clusterPatience)
	defer cancel()
	s, err := cluster.Cluster().Status(ctx, &apiv1.StatusRequest{})
	if err != nil {
		return bad(err)
	}
	healthy := 0
	for _, m := range s.Members {
		if m.Healthy {
			healthy++
		}
	}
	c := finding{Check: "cluster", Verdict: passes, Found: fmt.Sprintf("%s leads, %d of %s healthy, %s connected",
		nameOr(s.Leader, "nobody"), healthy, plural(len(s.Members), "coordinator"), plural(int(s.WorkersConnected), "worker"))}
	switch {
	case s.Leader == "":
		c.Verdict, c.Do = fails, "most of its coordinators have to run and reach each other"
	case healthy < len(s.Members):
		c.Verdict, c.Do = warns, "`g2c status` shows who is silent: start it again, or replace it"
	}
	return append(out, c)
}

// checkCertificate looks when the user's certificate ends.
func checkCertificate(dir string, now time.Time) finding {
	id, err := pki.Load(dir)
	if err != nil {
		return finding{"certs", fails, err.Error(), "issue one with `g2c certs issue`"}
	}
	self := id.Self()
	f := finding{Check: "certs", Verdict: passes, Found: fmt.Sprintf("%s, until %s", self, self.NotAfter.Format(time.DateOnly))}
	switch {
	case self.Check(now) != nil:
		f.Verdict, f.Do = fails, "it has ended: issue another with `g2c certs issue`"
	case self.NotAfter.Sub(now) < certificateEnds:
		f.Verdict, f.Do = warns, "it ends soon: issue another with `g2c certs issue`"
	}
	return f
}
