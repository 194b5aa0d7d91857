// Package commandpb is the log's format as generated code. Package command is
// what the rest of the coordinator speaks.
package commandpb

//go:generate go run github.com/bufbuild/buf/cmd/buf@v1.75.0 generate
