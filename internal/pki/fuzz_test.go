package pki

import (
	"crypto/x509"
	"net/url"
	"testing"
)

// No bytes in a certificate or a file crash a reader, and what is read as an
// identity is written the same way.
func FuzzIdentity(f *testing.F) {
	f.Add("g2c://worker/w1", []byte("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"))
	f.Add("g2c://coordinator/a@b?x=1#y", []byte{})
	f.Fuzz(func(t *testing.T, text string, file []byte) {
		certificates("file", file)
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		p, err := peerIn(&x509.Certificate{URIs: []*url.URL{u}})
		if err == nil && uri(p.Role, p.Name).String() != u.String() {
			t.Errorf("%q is read as %s", text, p)
		}
	})
}
