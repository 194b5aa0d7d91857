package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	g2c "g2c/api/client"
	"g2c/internal/fault"
	"g2c/k8s/api/v1alpha1"
)

// coordinatorPort is where coordinators listen.
const coordinatorPort = 7443

// clusters are connections to coordinators, by their addresses: a cache that a restart may
// lose.
type clusters struct {
	dial func(servers []string) (*g2c.Client, error)

	mu    sync.Mutex
	conns map[string]*g2c.Client
}

// errNoCluster is a clusterRef without a Cluster.
var errNoCluster = errors.New("no cluster")

// find is the Cluster that a resource names, and its coordinators.
func (c *clusters) find(ctx context.Context, r client.Reader, namespace, name string) (*v1alpha1.Cluster, *g2c.Client, error) {
	var cluster v1alpha1.Cluster
	err := r.Get(ctx, client.ObjectKey{Namespace: namespace, Name: name}, &cluster)
	if client.IgnoreNotFound(err) != nil {
		return nil, nil, err
	}
	if err != nil {
		return nil, nil, fmt.Errorf("%w: there is no Cluster %s in namespace %s", errNoCluster, name, namespace)
	}
	conn, err := c.connect(serversOf(&cluster))
	return &cluster, conn, err
}

func (c *clusters) connect(servers []string) (*g2c.Client, error) {
	key := strings.Join(servers, ",")
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn := c.conns[key]; conn != nil {
		return conn, nil
	}
	conn, err := c.dial(servers)
	if err != nil {
		return nil, err
	}
	if c.conns == nil {
		c.conns = map[string]*g2c.Client{}
	}
	c.conns[key] = conn
	return conn, nil
}

// close ends all connections.
func (c *clusters) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, conn := range c.conns {
		errs = append(errs, conn.Close())
	}
	c.conns = nil
	return errors.Join(errs...)
}

// serversOf are the addresses of a Cluster's coordinators.
func serversOf(c *v1alpha1.Cluster) []string {
	if c.Spec.Coordinators == nil {
		return c.Spec.Servers
	}
	var out []string
	for i := range c.Spec.Coordinators.Replicas {
		out = append(out, fmt.Sprintf("%s-%d.%s.%s.svc:%d", c.Name, i, c.Name, c.Namespace, coordinatorPort))
	}
	return out
}

// unreachable says whether an error is one that passes when coordinators can be reached.
func unreachable(err error) bool { return errors.Is(err, fault.ErrUnavailable) }
