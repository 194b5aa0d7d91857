package kubelet

import (
	"context"
	"net"
	"net/http"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// watch probes a container until its process has ended, and tells of each change.
func (d *pod) watch(ended context.Context, c *corev1.Container, p *corev1.Probe, tell func(ok bool)) {
	every := time.Duration(max(p.PeriodSeconds, 1)) * time.Second
	wait := time.NewTimer(time.Duration(p.InitialDelaySeconds) * time.Second)
	defer wait.Stop()
	good, bad, is := int32(0), int32(0), false
	for first := true; ; {
		select {
		case <-ended.Done():
			return
		case <-wait.C:
		}
		if d.probe(ended, c, p) {
			good, bad = good+1, 0
		} else {
			good, bad = 0, bad+1
		}
		was := is
		if good >= max(p.SuccessThreshold, 1) {
			is = true
		}
		failed := bad >= max(p.FailureThreshold, 1)
		if failed {
			is = false
		}
		if is != was || first && failed {
			first = false
			tell(is)
		}
		wait.Reset(every)
	}
}

// probe asks a container once.
func (d *pod) probe(ctx context.Context, c *corev1.Container, p *corev1.Probe) bool {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(max(p.TimeoutSeconds, 1))*time.Second)
	defer cancel()
	switch {
	case p.TCPSocket != nil:
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(d.ip, port(c, p.TCPSocket.Port)))
		if err != nil {
			return false
		}
		return conn.Close() == nil
	case p.HTTPGet != nil:
		url := "http://" + net.JoinHostPort(d.ip, port(c, p.HTTPGet.Port)) + p.HTTPGet.Path
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return false
		}
		r, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		return r.Body.Close() == nil && r.StatusCode < http.StatusBadRequest
	}
	return false
}

// port is a port by its number, or by its name among the container's.
func port(c *corev1.Container, p intstr.IntOrString) string {
	for i := range c.Ports {
		if c.Ports[i].Name == p.String() {
			p = intstr.FromInt32(c.Ports[i].ContainerPort)
		}
	}
	return p.String()
}
