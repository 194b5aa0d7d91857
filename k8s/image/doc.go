// Package image writes container images as OCI layouts: a folder that registries' tools, podman
// and containerd read. No daemon, registry or root takes part, and the same program gives the
// same bytes.
//
// The format is three JSON documents and a tar file, whose types are opencontainers': a library
// that builds images brings registries and their credentials with it, which nothing here needs.
package image
