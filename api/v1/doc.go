// Package apiv1 is what a coordinator and those who call it say to each other, as
// generated code: people's verbs, workers' sessions, and the cluster's own care.
// The .proto files are the reference; api/client is the way to call them from Go.
package apiv1

//go:generate go run github.com/bufbuild/buf/cmd/buf@v1.75.0 lint
//go:generate go run github.com/bufbuild/buf/cmd/buf@v1.75.0 generate
