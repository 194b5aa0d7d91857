package pki

import (
	"crypto/tls"
	"net"
	"time"
)

// mortal is a connection that ends with a certificate.
type mortal struct {
	net.Conn
	end *time.Timer
}

// UntilExpiry is a connection that ends with the certificate of the other side.
// Whoever has a new one by then connects anew; otherwise they would be refused on a
// connection that stays, or not at all.
func UntilExpiry(t *tls.Conn) net.Conn {
	who, err := PeerOf(t.ConnectionState())
	if err != nil {
		return t // whoever asks for its peer is refused
	}
	return mortal{t, time.AfterFunc(time.Until(who.NotAfter), func() { t.Close() })}
}

// Close implements net.Conn.
func (m mortal) Close() error {
	m.end.Stop()
	return m.Conn.Close()
}
