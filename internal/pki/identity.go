package pki

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"g2c/internal/fault"
)

// Identity is who this process is, and whom it believes.
type Identity struct {
	dir     string
	current atomic.Pointer[material]
}

// material is what was in the files at one time.
type material struct {
	cert  tls.Certificate
	roots *x509.CertPool
	self  Peer
	seal  [32]byte
}

// Load reads an identity from its folder.
func Load(dir string) (*Identity, error) {
	id := &Identity{dir: dir}
	return id, id.Reload()
}

// Reload reads the folder again. Handshakes from now on use what it found; after
// an error they go on with what they had.
func (id *Identity) Reload() error {
	m, err := readMaterial(id.dir)
	if err != nil {
		return err
	}
	if old := id.current.Load(); old != nil && (old.self.Role != m.self.Role || old.self.Name != m.self.Name) {
		return fault.New(fault.ErrSpec, "%s holds %s now, and this process is %s", id.dir, m.self, old.self).WithHint("issue a certificate for the same role and name")
	}
	id.current.Store(m)
	return nil
}

// seal is the hash of what is in a folder, so that no change goes unseen: two in
// one tick of a file system's clock have the same times.
func seal(dir string) [32]byte {
	h := sha256.New()
	for _, name := range []string{caCert, leaf} {
		b, err := os.ReadFile(filepath.Join(dir, name))
		fmt.Fprintln(h, len(b), err == nil)
		h.Write(b)
	}
	return [32]byte(h.Sum(nil))
}

func readMaterial(dir string) (*material, error) {
	m := &material{roots: x509.NewCertPool(), seal: seal(dir)}
	path := filepath.Join(dir, caCert)
	bundle, err := read(path)
	if err != nil {
		return nil, err
	}
	authorities, err := certificates(path, bundle)
	if err != nil {
		return nil, err
	}
	for _, c := range authorities {
		m.roots.AddCert(c)
	}
	path = filepath.Join(dir, leaf)
	pair, err := read(path)
	if err != nil {
		return nil, err
	}
	if m.cert, err = tls.X509KeyPair(pair, pair); err != nil {
		return nil, fault.New(fault.ErrSpec, "%s: %w", path, err)
	}
	if m.self, err = peerIn(m.cert.Leaf); err != nil {
		return nil, fault.New(fault.ErrSpec, "%s: %w", path, err)
	}
	if _, err = m.cert.Leaf.Verify(x509.VerifyOptions{Roots: m.roots, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}); err != nil {
		return nil, fault.New(fault.ErrUnavailable, "%s: %w", path, Explain(err))
	}
	return m, nil
}

// Watch reads the folder again whenever one of its files has changed, looking
// every so often, until the context ends. It tells what came of each reading.
func (id *Identity) Watch(ctx context.Context, every time.Duration, tell func(error)) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	seen := id.current.Load().seal
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if now := seal(id.dir); now != seen {
			seen = now
			tell(id.Reload())
		}
	}
}

// Holder is whose certificate is in a folder, believed or not.
func Holder(dir string) (Peer, error) {
	path := filepath.Join(dir, leaf)
	b, err := read(path)
	if err != nil {
		return Peer{}, err
	}
	all, err := certificates(path, b)
	if err != nil {
		return Peer{}, err
	}
	p, err := peerIn(all[0])
	if err != nil {
		return Peer{}, fault.New(fault.ErrSpec, "%s: %w", path, err)
	}
	return p, nil
}

// Self is this process's own identity.
func (id *Identity) Self() Peer { return id.current.Load().self }

// ServerConfig is for a listener: TLS 1.3, and a certificate of one of our roles.
// If protocols are given, a client must speak one of them: a client that names
// none would pass otherwise.
func (id *Identity) ServerConfig(protocols ...string) *tls.Config {
	c := &tls.Config{MinVersion: tls.VersionTLS13, NextProtos: protocols}
	c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		m := id.current.Load()
		return &tls.Config{
			MinVersion:             tls.VersionTLS13,
			NextProtos:             protocols,
			Certificates:           []tls.Certificate{m.cert},
			ClientAuth:             tls.RequireAndVerifyClientCert,
			ClientCAs:              m.roots,
			SessionTicketsDisabled: true, // a resumed session would skip the check of its certificate
			VerifyConnection: func(s tls.ConnectionState) error {
				if len(protocols) > 0 && s.NegotiatedProtocol == "" {
					return fault.New(fault.ErrUnavailable, "%w: the client names none, want one of %q", ErrProtocol, protocols)
				}
				_, err := PeerOf(s)
				return err
			},
		}, nil
	}
	return c
}

// ClientConfig is for one dial: what it believes is what the folder holds now.
func (id *Identity) ClientConfig(e Expect, protocols ...string) *tls.Config {
	m := id.current.Load()
	return &tls.Config{
		MinVersion:   tls.VersionTLS13,
		NextProtos:   protocols,
		Certificates: []tls.Certificate{m.cert},
		RootCAs:      m.roots,
		ServerName:   host(e.Role),
		VerifyConnection: func(s tls.ConnectionState) error {
			if len(protocols) > 0 && s.NegotiatedProtocol == "" {
				return fault.New(fault.ErrUnavailable, "%w: the server chose none of %q", ErrProtocol, protocols)
			}
			return e.check(s)
		},
	}
}
