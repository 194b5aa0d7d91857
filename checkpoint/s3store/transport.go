package s3store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/http"
	"os"
	"time"

	"g2c/internal/fault"
)

const (
	// stallTimeout is how long a connection may carry nothing while it is waited for: longer
	// than a slow line takes for what the kernel has taken from us and not yet sent.
	stallTimeout = 3 * time.Minute
	// idleTimeout is how long a connection that nobody uses stays open.
	idleTimeout = 30 * time.Second
	dialTimeout = 15 * time.Second
)

// newTransport makes connections to a server: HTTP/1.1, since requests are to go side by
// side on connections of their own, by the proxy of the environment.
func newTransport(c Config, stall time.Duration) (*http.Transport, error) {
	pool, err := trusted(c.CABundle)
	if err != nil {
		return nil, err
	}
	dialer := &net.Dialer{Timeout: dialTimeout}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &watchedConn{conn, stall}, nil
		},
		TLSClientConfig:       &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		TLSNextProto:          map[string]func(string, *tls.Conn) http.RoundTripper{},
		TLSHandshakeTimeout:   dialTimeout,
		MaxIdleConns:          4 * c.parallel(),
		MaxIdleConnsPerHost:   2 * c.parallel(),
		IdleConnTimeout:       idleTimeout,
		ResponseHeaderTimeout: stall,
		DisableCompression:    true,
	}, nil
}

// trusted is the system's certificates and those of a file; nil means the system's alone.
func trusted(bundle string) (*x509.CertPool, error) {
	if bundle == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(bundle)
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "certificates of AWS_CA_BUNDLE, or of the option ca: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fault.New(fault.ErrUnavailable, "%s holds no certificate in PEM", bundle)
	}
	return pool, nil
}

// watchedConn breaks a connection that carries nothing for too long, in whichever
// direction: a transfer of any length may take its time, and none may stand still.
type watchedConn struct {
	net.Conn
	stall time.Duration
}

// Read implements net.Conn.
func (c *watchedConn) Read(p []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Read(p)
}

// Write implements net.Conn. While something is sent, whoever waits for the answer is not
// kept waiting by a server that stands still.
func (c *watchedConn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}
