package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

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
	cfg  Config
	live client.Reader

	mu    sync.Mutex
	conns map[string]*connection
	old   []*g2c.Client // connections of certificates that end soon: a pass may have one yet
}

// connection is one that is kept while its certificate lasts.
type connection struct {
	client *g2c.Client
	until  time.Time // zero: it has none of its own
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
	conn, err := c.connect(ctx, &cluster)
	return &cluster, conn, err
}

// connect is a connection to a Cluster's coordinators, with a certificate of its authority
// where it has one.
func (c *clusters) connect(ctx context.Context, cluster *v1alpha1.Cluster) (*g2c.Client, error) {
	authority, err := c.authority(ctx, cluster)
	if err != nil {
		return nil, err
	}
	servers := serversOf(cluster)
	key := strings.Join(servers, ",") + " " + fingerprint(authority)
	now := c.cfg.Clock.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if conn := c.conns[key]; conn != nil {
		if conn.until.IsZero() || now.Before(conn.until) {
			return conn.client, nil
		}
		c.old = append(c.old, conn.client)
	}
	var identity map[string][]byte
	fresh := &connection{}
	if authority != nil {
		identity, err = c.cfg.Authority.Issue(authority, Holder{Role: "client", Name: "g2c-operator", Grant: "admin", Valid: certificateValid})
		if err != nil {
			return nil, err
		}
		fresh.until = now.Add(certificateValid / 2)
	}
	if fresh.client, err = c.cfg.Dial(servers, identity); err != nil {
		return nil, err
	}
	if c.conns == nil {
		c.conns = map[string]*connection{}
	}
	c.conns[key] = fresh
	return fresh.client, nil
}

// close ends all connections.
func (c *clusters) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	for _, conn := range c.conns {
		errs = append(errs, conn.client.Close())
	}
	for _, conn := range c.old {
		errs = append(errs, conn.Close())
	}
	c.conns, c.old = nil, nil
	return errors.Join(errs...)
}

// serversOf are the addresses of a Cluster's coordinators.
func serversOf(c *v1alpha1.Cluster) []string {
	if c.Spec.Coordinators == nil {
		return c.Spec.Servers
	}
	var out []string
	for i := range int(c.Spec.Coordinators.Replicas) {
		out = append(out, addressOf(c, i))
	}
	return out
}

// unreachable says whether an error is one that passes when coordinators can be reached.
func unreachable(err error) bool { return errors.Is(err, fault.ErrUnavailable) }
