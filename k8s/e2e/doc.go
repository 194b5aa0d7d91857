// Package e2e holds tests on a whole Kubernetes control plane, with nodes that run pods as
// processes (k8s/servers/kubelet): what people apply is trained for real, while pods, nodes,
// the leader and the operator come and go. `make test-k8s` runs it.
package e2e
