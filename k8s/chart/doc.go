// Package chart holds the Helm chart that installs the operator; its code is the tests of it.
// Templates of definitions are made from k8s/crds, and the operator's rights are held equal to
// those of k8s/manifests.
package chart

//go:generate go run ./generate ../crds templates
