package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"math/big"
	"net"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"

	"g2c/worker/agent/grpclink"
	"g2c/worker/allreduce"
)

// transport joins this process to the others.
type transport interface {
	address() string
	join(addresses []string, self int) ([]allreduce.Link, error)
	close() error
}

func listen(wire string) (transport, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	switch wire {
	case "tcp":
		return &bare{l}, nil
	case "grpc":
		return newOverGRPC(l, insecure.NewCredentials(), insecure.NewCredentials()), nil
	case "tls":
		cert, err := certificate()
		if err != nil {
			return nil, err
		}
		// Who it is does not matter to how long it takes.
		there := credentials.NewTLS(&tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13})
		return newOverGRPC(l, credentials.NewTLS(&tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13}), there), nil
	}
	return nil, fmt.Errorf("unknown wire %q", wire)
}

func certificate() (tls.Certificate, error) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1)}
	der, err := x509.CreateCertificate(rand.Reader, of, of, public, private)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: private}, err
}

// overGRPC are links as workers have them.
type overGRPC struct {
	listener net.Listener
	grpc     *grpc.Server
	links    *grpclink.Server
	there    credentials.TransportCredentials
	dialled  []*grpc.ClientConn
	served   chan error
}

func newOverGRPC(l net.Listener, here, there credentials.TransportCredentials) *overGRPC {
	o := &overGRPC{
		listener: l, links: &grpclink.Server{}, there: there, served: make(chan error, 1),
		grpc: grpc.NewServer(append(grpclink.ServerOptions(), grpc.Creds(here))...),
	}
	o.links.Register(o.grpc)
	go func() { o.served <- o.grpc.Serve(l) }()
	return o
}

func (o *overGRPC) address() string { return o.listener.Addr().String() }

func (o *overGRPC) join(addresses []string, self int) ([]allreduce.Link, error) {
	all := make([]*grpc.ClientConn, len(addresses))
	for i, a := range addresses[:self] {
		cc, err := grpc.NewClient("passthrough:///"+a, append(grpclink.DialOptions(), grpc.WithTransportCredentials(o.there))...)
		if err != nil {
			return nil, err
		}
		all[i], o.dialled = cc, append(o.dialled, cc)
	}
	return grpclink.Join(context.Background(), o.links, allreduce.Session{}, self, addresses, func(i int) (grpc.ClientConnInterface, error) { return all[i], nil })
}

func (o *overGRPC) close() error {
	var errs []error
	for _, cc := range o.dialled {
		errs = append(errs, cc.Close())
	}
	o.grpc.Stop()
	return errors.Join(append(errs, <-o.served)...)
}
