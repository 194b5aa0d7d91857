package grpclink

import (
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/experimental"
	"google.golang.org/grpc/mem"
)

// window is how much a stream may have on its way: two messages, and the bytes that 100
// Gbit/s carry in 100 µs and more.
const window = 4 << 20

// Without a buffer of its own gRPC reads a frame to where it stays: a copy of every byte
// costs more than a second read a frame, also under TLS.
const readBuffer = 0

// ServerOptions are what a server of links goes best with. They suit other services too.
func ServerOptions() []grpc.ServerOption {
	return []grpc.ServerOption{
		grpc.StaticStreamWindowSize(window), grpc.StaticConnWindowSize(4 * window), grpc.ReadBufferSize(readBuffer), experimental.BufferPool(buffers),
	}
}

// DialOptions are what a connection for links goes best with.
func DialOptions() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithStaticStreamWindowSize(window), grpc.WithStaticConnWindowSize(4 * window), grpc.WithReadBufferSize(readBuffer), experimental.WithBufferPool(buffers),
	}
}

// buffers are what gRPC receives in: it clears those of its own pool each time.
var buffers = &framePool{rest: mem.DefaultBufferPool()}

// frameBytes is the length of HTTP/2's frames, and so of gRPC's buffers.
const frameBytes = 16 << 10

// framePool keeps buffers of a frame as they are.
type framePool struct {
	free sync.Pool
	rest mem.BufferPool
}

// Get implements mem.BufferPool.
func (p *framePool) Get(n int) *[]byte {
	if n > frameBytes || n <= frameBytes/2 {
		return p.rest.Get(n)
	}
	b, ok := p.free.Get().(*[]byte)
	if !ok {
		fresh := make([]byte, frameBytes)
		b = &fresh
	}
	*b = (*b)[:n]
	return b
}

// Put implements mem.BufferPool.
func (p *framePool) Put(b *[]byte) {
	if cap(*b) != frameBytes {
		p.rest.Put(b)
		return
	}
	p.free.Put(b)
}
