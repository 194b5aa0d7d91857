package grpclink

import (
	"context"
	"errors"
	"sync"

	"google.golang.org/grpc"

	"g2c/worker/allreduce"
)

// Join makes the links of a process to all others of a gang: it dials those before it, over
// connections to them, and expects those behind it. It waits for all, which do the same; an
// error is a *allreduce.PeerError that names who is missing.
func Join(ctx context.Context, server *Server, s allreduce.Session, self int, names []string, connection func(process int) (grpc.ClientConnInterface, error)) ([]allreduce.Link, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	links, errs := make([]allreduce.Link, len(names)), make([]error, len(names))
	var first sync.Once
	var failed error
	var all sync.WaitGroup
	for i := range names {
		if i == self {
			continue
		}
		all.Go(func() {
			links[i], errs[i] = join(ctx, server, s, self, i, connection)
			if errs[i] != nil {
				first.Do(func() { failed = &allreduce.PeerError{Peer: i, Name: names[i], Err: errs[i]} })
				cancel()
			}
		})
	}
	all.Wait()
	if failed == nil {
		return links, nil
	}
	for _, l := range links {
		if l != nil {
			failed = errors.Join(failed, l.Close())
		}
	}
	return nil, failed
}

func join(ctx context.Context, server *Server, s allreduce.Session, self, other int, connection func(int) (grpc.ClientConnInterface, error)) (allreduce.Link, error) {
	if other > self {
		return server.Expect(ctx, s, other, self)
	}
	cc, err := connection(other)
	if err != nil {
		return nil, err
	}
	return Dial(ctx, cc, s, self, other)
}
