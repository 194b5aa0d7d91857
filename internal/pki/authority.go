package pki

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io/fs"
	"math/big"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"time"

	"g2c/internal/atomicfile"
	"g2c/internal/fault"
)

const (
	caCert = "ca.crt"
	caKey  = "ca.key"
	leaf   = "identity.pem"

	caValid = 10 * 365 * 24 * time.Hour
	// LeafValid is how long a certificate lasts if nobody says otherwise.
	LeafValid = 365 * 24 * time.Hour
	// slack is by how much a certificate begins early, for clocks that are behind.
	slack = 5 * time.Minute
)

// InitCA makes a certificate authority in a folder. It refuses a folder that has
// one.
func InitCA(dir string) error {
	for _, name := range []string{caKey, caCert} {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			return fault.New(fault.ErrSpec, "%s has a certificate authority already, or a part of one: %s", dir, name).WithHint("issue from it, or name another folder")
		}
	}
	return newAuthority(dir, nil)
}

// RenewCA replaces the key of an authority. The old certificate stays in ca.crt,
// behind the new one: give that file to every node, then new certificates, and
// only then take the old one out.
func RenewCA(dir string) error {
	_, _, bundle, err := loadAuthority(dir)
	if err != nil {
		return err
	}
	return newAuthority(dir, bundle)
}

// newAuthority writes the certificate first: a key that no ca.crt knows would be
// of no use.
func newAuthority(dir string, older []byte) error {
	if err := makeFolder(dir); err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	t := &x509.Certificate{
		SerialNumber:          serial(),
		Subject:               pkix.Name{Organization: []string{"g2c"}, CommonName: "g2c certificate authority " + now.UTC().Format("2006-01-02 15:04:05")},
		NotBefore:             now.Add(-slack),
		NotAfter:              now.Add(caValid),
		IsCA:                  true,
		BasicConstraintsValid: true,
		MaxPathLenZero:        true,
		KeyUsage:              x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return err
	}
	k, err := keyPEM(key)
	if err != nil {
		return err
	}
	if err := replace(filepath.Join(dir, caCert), append(certPEM(der), older...), 0o644); err != nil {
		return err
	}
	return replace(filepath.Join(dir, caKey), k, 0o600)
}

// Request is what a certificate is for.
type Request struct {
	Role  Role
	Name  string
	Grant Grant         // of a client; the zero Grant leaves it to the cluster
	Hosts []string      // names and addresses under which others reach it
	Valid time.Duration // LeafValid if zero
	From  time.Time     // now if zero
	Force bool          // replaces the identity of somebody else, or what is none
}

// Issue makes a certificate by the authority of one folder and writes an identity
// into another. An identity that is there already is replaced as a whole, so a
// running process can take it up.
func Issue(caDir, outDir string, r Request) error {
	if err := checkSubject(r.Role, r.Name); err != nil {
		return err
	}
	if err := r.Grant.check(r.Role); err != nil {
		return err
	}
	if r.Valid == 0 {
		r.Valid = LeafValid
	}
	if r.From.IsZero() {
		r.From = time.Now().Add(-slack)
		r.Valid += slack
	}
	issuer, signer, bundle, err := loadAuthority(caDir)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	t := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{Organization: []string{"g2c"}, OrganizationalUnit: append([]string{string(r.Role)}, r.Grant.units()...), CommonName: r.Name},
		NotBefore:    r.From,
		NotAfter:     r.From.Add(r.Valid),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		URIs:         []*url.URL{uri(r.Role, r.Name)},
		DNSNames:     []string{host(r.Role)},
	}
	for _, h := range r.Hosts {
		if ip := net.ParseIP(h); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
		} else {
			t.DNSNames = append(t.DNSNames, h)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, t, issuer, &key.PublicKey, signer)
	if err != nil {
		return err
	}
	k, err := keyPEM(key)
	if err != nil {
		return err
	}
	if err := r.replaceable(outDir, bundle); err != nil {
		return err
	}
	if err := makeFolder(outDir); err != nil {
		return err
	}
	if err := replace(filepath.Join(outDir, caCert), bundle, 0o644); err != nil {
		return err
	}
	return replace(filepath.Join(outDir, leaf), append(certPEM(der), k...), 0o600)
}

// replaceable refuses to hide what is in a folder, unless it is an older identity of the
// same holder, or is to be replaced by force.
func (r *Request) replaceable(dir string, bundle []byte) error {
	if r.Force {
		return nil
	}
	path := filepath.Join(dir, leaf)
	old, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		path = filepath.Join(dir, caCert)
		if old, err = os.ReadFile(path); errors.Is(err, fs.ErrNotExist) || err == nil && bytes.Equal(old, bundle) {
			return nil
		}
		if err == nil {
			return fault.New(fault.ErrSpec, "%s is there, and is not that of this authority", path).WithHint("name another folder, or replace it with --force")
		}
	}
	if err != nil {
		return unwritable(err)
	}
	if len(old) == 0 { // nothing is lost
		return nil
	}
	what := "no identity of a cluster"
	if all, err := certificates(path, old); err == nil {
		if p, err := peerIn(all[0]); err == nil {
			if p.Role == r.Role && p.Name == r.Name {
				return nil
			}
			what = "that of " + p.String()
		}
	}
	return fault.New(fault.ErrSpec, "%s is there, and is %s", path, what).WithHint("name another folder, or replace it with --force")
}

// loadAuthority reads an authority: the certificate that fits its key, the key,
// and the whole of ca.crt.
func loadAuthority(dir string) (*x509.Certificate, crypto.Signer, []byte, error) {
	bundle, err := read(filepath.Join(dir, caCert))
	if err != nil {
		return nil, nil, nil, err
	}
	k, err := read(filepath.Join(dir, caKey))
	if err != nil {
		return nil, nil, nil, err
	}
	block, _ := pem.Decode(k)
	if block == nil {
		return nil, nil, nil, fault.New(fault.ErrSpec, "%s holds no key in PEM", filepath.Join(dir, caKey))
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, nil, nil, fault.New(fault.ErrSpec, "%s: %w", filepath.Join(dir, caKey), err)
	}
	signer, ok := key.(*ecdsa.PrivateKey)
	if !ok {
		return nil, nil, nil, fault.New(fault.ErrSpec, "%s: want an ECDSA key", filepath.Join(dir, caKey))
	}
	all, err := certificates(filepath.Join(dir, caCert), bundle)
	if err != nil {
		return nil, nil, nil, err
	}
	for _, c := range all {
		if signer.PublicKey.Equal(c.PublicKey) {
			return c, signer, bundle, nil
		}
	}
	return nil, nil, nil, fault.New(fault.ErrSpec, "%s: no certificate in ca.crt fits ca.key", dir)
}

// certificates parses a file of them.
func certificates(path string, b []byte) ([]*x509.Certificate, error) {
	var all []*x509.Certificate
	for block, rest := pem.Decode(b); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fault.New(fault.ErrSpec, "%s: %w", path, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, fault.New(fault.ErrSpec, "%s holds no certificate in PEM", path)
	}
	return all, nil
}

func read(path string) ([]byte, error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.ErrNotFound, "%s is missing: %w", path, err).WithHint("make it with `g2c certs init` and `g2c certs issue`")
	}
	if err != nil {
		return nil, fault.New(fault.ErrUnavailable, "%w", err)
	}
	return b, nil
}

// makeFolder makes a folder that its owner alone may look into, without what a killed
// process left: it may be a key.
func makeFolder(dir string) error {
	err := os.MkdirAll(dir, 0o700)
	if err == nil {
		_, err = atomicfile.Sweep(dir)
	}
	if err != nil {
		return unwritable(err)
	}
	return nil
}

func unwritable(err error) error {
	return fault.New(fault.ErrUnavailable, "%w", err).WithHint("check the folder, its permissions and the space in it")
}

// replace writes a file whole or not at all.
func replace(path string, b []byte, mode fs.FileMode) error {
	if err := atomicfile.Write(path, atomicfile.Options{Mode: mode, Sync: true}, b); err != nil {
		return unwritable(err)
	}
	return nil
}

func certPEM(der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func keyPEM(k *ecdsa.PrivateKey) ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

func serial() *big.Int {
	b := make([]byte, 16)
	rand.Read(b) // never fails
	b[0] &= 0x7f
	return new(big.Int).SetBytes(b)
}
