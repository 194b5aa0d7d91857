package operator

import (
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"g2c/internal/fault"
)

// loadFile reads a kubeconfig file.
func loadFile(path string) (*rest.Config, error) {
	c, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "read %s: %w", path, err)
	}
	// How often it is asked the apiserver limits by itself, as it does for a pod.
	c.QPS = -1
	return c, nil
}
