package server

import (
	"sync"

	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"

	apiv1 "g2c/api/v1"
)

// terms is whether this coordinator leads. It says so by gRPC's health service, too.
type terms struct {
	health *health.Server

	mu      sync.Mutex
	current *leadership   // nil while this coordinator does not lead
	changed chan struct{} // closed and made anew when that changes
}

func newTerms(h *health.Server) *terms {
	t := &terms{health: h, changed: make(chan struct{})}
	t.say()
	return t
}

// set begins a leadership, or ends it with nil.
func (t *terms) set(r *leadership) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.current = r
	close(t.changed)
	t.changed = make(chan struct{})
	t.say()
}

func (t *terms) say() {
	serving := grpc_health_v1.HealthCheckResponse_NOT_SERVING
	if t.current != nil {
		serving = grpc_health_v1.HealthCheckResponse_SERVING
	}
	t.health.SetServingStatus(apiv1.LeaderService, serving)
}

// now is the leadership, if there is one, and a channel that is closed when that changes.
func (t *terms) now() (*leadership, <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.current, t.changed
}
