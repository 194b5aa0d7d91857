package kubelet

import (
	"testing"

	discoveryv1 "k8s.io/api/discovery/v1"
)

// Names are those of endpoints that a headless Service publishes, and of no others.
func TestHosts(t *testing.T) {
	slice := func(service string, headless bool, endpoints ...discoveryv1.Endpoint) *discoveryv1.EndpointSlice {
		s := &discoveryv1.EndpointSlice{Endpoints: endpoints}
		s.Namespace, s.Labels = "team", map[string]string{"kubernetes.io/service-name": service}
		if headless {
			s.Labels["service.kubernetes.io/headless"] = ""
		}
		return s
	}
	at := func(name, address string, ready *bool) discoveryv1.Endpoint {
		return discoveryv1.Endpoint{Hostname: &name, Addresses: []string{address}, Conditions: discoveryv1.EndpointConditions{Ready: ready}}
	}
	got := hosts([]any{
		slice("main", true, at("main-1", "10.99.1.3", nil), at("main-0", "10.99.1.2", new(true)), at("main-2", "10.99.1.4", new(false))),
		slice("main-client", false, at("main-0", "10.99.1.2", nil)),
		slice("other", true, discoveryv1.Endpoint{Addresses: []string{"10.99.1.9"}}),
	})
	want := "10.99.1.2 main-0.main.team.svc\n10.99.1.3 main-1.main.team.svc\n127.0.0.1 localhost\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
