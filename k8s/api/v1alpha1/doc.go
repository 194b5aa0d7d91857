// Package v1alpha1 is G2C's part of the Kubernetes API, group g2c.dev: experiments, the
// clusters that run them, and pools of workers, as types alone. What their fields may hold
// stands beside them as markers, which the CustomResourceDefinitions in k8s/crds are made
// from: the apiserver checks it, and no webhook is needed.
//
// +kubebuilder:object:generate=true
// +groupName=g2c.dev
package v1alpha1

//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0 object paths=.
//go:generate go run sigs.k8s.io/controller-tools/cmd/controller-gen@v0.23.0 crd:maxDescLen=0 paths=. output:crd:dir=../../crds

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion names the group and its version.
var GroupVersion = schema.GroupVersion{Group: "g2c.dev", Version: "v1alpha1"}

// AddToScheme makes the types known to clients.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion, &Experiment{}, &ExperimentList{}, &Cluster{}, &ClusterList{}, &WorkerPool{}, &WorkerPoolList{})
	metav1.AddToGroupVersion(s, GroupVersion)
	return nil
}
