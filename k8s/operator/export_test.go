package operator

import (
	"context"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"g2c/k8s/api/v1alpha1"
)

// IssuerOf is who issues the certificates of a Cluster's workers.
func IssuerOf(ctx context.Context, live client.Reader, cfg Config, c *v1alpha1.Cluster) (func(string, time.Duration) (map[string][]byte, error), error) {
	conns := &clusters{cfg: cfg, live: live}
	return conns.issuer(ctx, c)
}
