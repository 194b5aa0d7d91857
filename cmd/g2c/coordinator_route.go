package main

import (
	"context"
	"net"
	"strings"

	"g2c/internal/fault"
)

// routes are addresses under which other coordinators are to be dialled in place of
// those that the cluster knows them by: where a network translates them, and where
// a test puts a link between that can be cut.
type routes map[string]string

// parseRoutes reads ADDRESS=INSTEAD.
func parseRoutes(texts []string) (routes, error) {
	r := routes{}
	for _, text := range texts {
		address, instead, _ := strings.Cut(text, "=")
		for _, a := range []string{address, instead} {
			if _, _, err := net.SplitHostPort(a); err != nil {
				return nil, fault.New(fault.ErrSpec, "--route %q: %w", text, err).WithHint("want host:port=host:port")
			}
		}
		r[address] = instead
	}
	return r, nil
}

// dial makes a TCP connection to a coordinator, by its route if it has one.
func (r routes) dial(ctx context.Context, address string) (net.Conn, error) {
	if instead, ok := r[address]; ok {
		address = instead
	}
	return new(net.Dialer).DialContext(ctx, "tcp", address)
}
