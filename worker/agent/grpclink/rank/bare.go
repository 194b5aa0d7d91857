package main

import (
	"encoding/binary"
	"io"
	"net"
	"sync"

	"g2c/worker/allreduce"
)

// bare are links of frames on a connection, and nothing else: what gRPC is measured by.
type bare struct{ listener net.Listener }

func (b *bare) address() string { return b.listener.Addr().String() }
func (b *bare) close() error    { return b.listener.Close() }

// join dials those before this process, and takes those behind it. Each says first who
// it is.
func (b *bare) join(addresses []string, self int) ([]allreduce.Link, error) {
	links := make([]allreduce.Link, len(addresses))
	for i, a := range addresses[:self] {
		c, err := net.Dial("tcp", a)
		if err == nil {
			err = binary.Write(c, binary.LittleEndian, uint32(self))
		}
		if err != nil {
			return nil, err
		}
		links[i] = &bareLink{Conn: c}
	}
	for range addresses[self+1:] {
		c, err := b.listener.Accept()
		var from uint32
		if err == nil {
			err = binary.Read(c, binary.LittleEndian, &from)
		}
		if err != nil {
			return nil, err
		}
		links[from] = &bareLink{Conn: c}
	}
	return links, nil
}

// bareLink is an allreduce.Link.
type bareLink struct {
	net.Conn
	end     sync.Once
	out, in [allreduce.HeaderBytes]byte
	payload []byte
	part    [1][]byte
}

// Send implements allreduce.Link.
func (l *bareLink) Send(h allreduce.Header, payload []byte, sent func()) error {
	h.Put(l.out[:])
	both := net.Buffers{l.out[:], payload}
	if _, err := both.WriteTo(l.Conn); err != nil {
		return err
	}
	sent()
	return nil
}

// Receive implements allreduce.Link.
func (l *bareLink) Receive() (allreduce.Frame, error) {
	if _, err := io.ReadFull(l.Conn, l.in[:]); err != nil {
		return allreduce.Frame{}, err
	}
	length := int(binary.LittleEndian.Uint32(l.in[allreduce.HeaderBytes-4:]))
	h, err := allreduce.ParseHeader(l.in[:], allreduce.HeaderBytes+length)
	if err != nil {
		return allreduce.Frame{}, err
	}
	if length > len(l.payload) {
		l.payload = make([]byte, length)
	}
	l.part[0] = l.payload[:length]
	_, err = io.ReadFull(l.Conn, l.part[0])
	return allreduce.Frame{Header: h, Parts: l.part[:]}, err
}

// Close implements allreduce.Link.
func (l *bareLink) Close() (err error) {
	l.end.Do(func() { err = l.Conn.Close() })
	return err
}
