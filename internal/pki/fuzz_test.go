package pki

import (
	"crypto/x509"
	"net/url"
	"strings"
	"testing"
)

// No bytes in a certificate or a file crash a reader, and what is read as an
// identity is written the same way.
func FuzzIdentity(f *testing.F) {
	f.Add("g2c://worker/w1", "worker", []byte("-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n"))
	f.Add("g2c://coordinator/a@b?x=1#y", "", []byte{})
	f.Add("g2c://client/ann", "client\nmay:viewer\nproject:kidney", []byte{})
	f.Fuzz(func(t *testing.T, text, units string, file []byte) {
		certificates("file", file)
		u, err := url.Parse(text)
		if err != nil {
			return
		}
		c := &x509.Certificate{URIs: []*url.URL{u}}
		c.Subject.OrganizationalUnit = strings.Split(units, "\n")
		p, err := peerIn(c)
		if err == nil && uri(p.Role, p.Name).String() != u.String() {
			t.Errorf("%q is read as %s", text, p)
		}
		if err == nil && p.Grant != (Grant{}) && p.Role != Client {
			t.Errorf("a %s is granted %+v", p.Role, p.Grant)
		}
	})
}
