package pki

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"time"

	"g2c/internal/fault"
)

// Role is what a process is in a cluster.
type Role string

// The roles.
const (
	Coordinator Role = "coordinator"
	Worker      Role = "worker"
	Client      Role = "client"
)

// Roles lists all roles.
func Roles() []Role { return []Role{Coordinator, Worker, Client} }

const scheme = "g2c"

// nameForm is what fits a URI, a file name and a log line alike.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

func checkSubject(role Role, name string) error {
	for _, r := range Roles() {
		if r == role {
			if !nameForm.MatchString(name) {
				return fault.New(fault.ErrSpec, "name %q of a certificate: want 1 to 63 letters, digits, dots, dashes or underlines", name)
			}
			return nil
		}
	}
	return fault.New(fault.ErrSpec, "role %q of a certificate: want one of %v", role, Roles())
}

// host is the DNS name that every certificate of a role has, so that clients can
// use TLS's own check whatever address they dial. The domain is reserved for
// private use.
func host(r Role) string { return string(r) + ".g2c.internal" }

// Peer is the other side of a connection.
type Peer struct {
	Role     Role
	Name     string
	Grant    Grant     // that its certificate states
	Serial   string    // of its certificate: lower-case hex
	NotAfter time.Time // when its certificate ends
}

// String is role/name.
func (p Peer) String() string { return string(p.Role) + "/" + p.Name }

// Check refuses a peer whose certificate has ended since it connected.
func (p Peer) Check(now time.Time) error {
	if now.After(p.NotAfter) {
		return fault.New(fault.ErrUnavailable, "%w: that of %s ended at %s", ErrExpired, p, p.NotAfter.Format(time.RFC3339)).
			WithHint("issue a new one with `g2c certs issue` and connect again")
	}
	return nil
}

// PeerOf is the identity in a verified connection.
func PeerOf(c tls.ConnectionState) (Peer, error) {
	if len(c.VerifiedChains) == 0 || len(c.PeerCertificates) == 0 {
		return Peer{}, fault.New(fault.ErrUnavailable, "%w: the peer showed none", ErrNoIdentity)
	}
	return peerIn(c.PeerCertificates[0])
}

func peerIn(leaf *x509.Certificate) (Peer, error) {
	if len(leaf.URIs) != 1 {
		return Peer{}, fault.New(fault.ErrUnavailable, "%w: certificate of %q has %d URIs", ErrNoIdentity, leaf.Subject.CommonName, len(leaf.URIs))
	}
	role, name, err := parseURI(leaf.URIs[0])
	if err != nil {
		return Peer{}, err
	}
	grant, err := grantIn(role, leaf.Subject.OrganizationalUnit)
	if err != nil {
		return Peer{}, err
	}
	return Peer{Role: role, Name: name, Grant: grant, Serial: serialText(leaf.SerialNumber), NotAfter: leaf.NotAfter}, nil
}

func uri(role Role, name string) *url.URL {
	return &url.URL{Scheme: scheme, Host: string(role), Path: "/" + name}
}

func parseURI(u *url.URL) (Role, string, error) {
	role, name := Role(u.Host), strings.TrimPrefix(u.Path, "/")
	if err := checkSubject(role, name); err != nil || u.String() != uri(role, name).String() {
		return "", "", fault.New(fault.ErrUnavailable, "%w: %q is not of the form %s://role/name", ErrNoIdentity, u, scheme)
	}
	return role, name, nil
}

// Expect is whom a client means to reach.
type Expect struct {
	Role Role
	Name string // any, if empty
}

// check is asked once a chain is verified.
func (e Expect) check(c tls.ConnectionState) error {
	p, err := PeerOf(c)
	if err != nil {
		return err
	}
	if p.Role != e.Role || e.Name != "" && p.Name != e.Name {
		return fault.New(fault.ErrUnavailable, "%w: the peer is %s, want %s", ErrWrongRole, p, e).WithHint("check the address")
	}
	return nil
}

// String is role/name, or the role alone.
func (e Expect) String() string {
	if e.Name == "" {
		return "a " + string(e.Role)
	}
	return fmt.Sprintf("%s/%s", e.Role, e.Name)
}
