package pki

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"

	"g2c/internal/fault"
)

// Why a peer or a folder was refused.
var (
	// ErrExpired is a certificate outside its time.
	ErrExpired = errors.New("certificate is not valid now")
	// ErrWrongAuthority is a certificate that another authority signed.
	ErrWrongAuthority = errors.New("certificate is of an authority that is not trusted here")
	// ErrWrongRole is a peer that is another than was expected.
	ErrWrongRole = errors.New("certificate is for another role or name")
	// ErrNoIdentity is a certificate without exactly one g2c identity, or none at all.
	ErrNoIdentity = errors.New("no certificate with a g2c identity")
	// ErrProtocol is a peer that speaks none of the protocols offered.
	ErrProtocol = errors.New("peer speaks another protocol")
)

// Explain puts the reason why a handshake failed into words, with what to do
// next. Errors of other kinds come back as they are.
func Explain(err error) error {
	var (
		remote  *net.OpError
		invalid x509.CertificateInvalidError
		unknown x509.UnknownAuthorityError
		header  tls.RecordHeaderError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, new(*fault.Error)):
		return err
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return refuse(ErrExpired, err, "issue a new one with `g2c certs issue`, and compare the clocks")
	case errors.As(err, &unknown):
		return refuse(ErrWrongAuthority, err, "both sides need certificates of one authority: compare their ca.crt")
	case errors.As(err, &header):
		return fault.New(fault.ErrUnavailable, "the peer does not speak TLS: %w", err).WithHint("is that the address of a coordinator?")
	case errors.As(err, &remote) && remote.Op == "remote error":
		return explainAlert(remote.Err.Error(), err)
	}
	return err
}

// explainAlert knows the alerts of TLS (RFC 8446, section 6) that a peer sends when
// it refuses. The standard library has no other name for them than their text.
func explainAlert(alert string, err error) error {
	switch strings.TrimPrefix(alert, "tls: ") {
	case "expired certificate":
		return refuse(ErrExpired, err, "the peer refused ours: issue a new one with `g2c certs issue`, and compare the clocks")
	case "unknown certificate authority", "unknown certificate":
		return refuse(ErrWrongAuthority, err, "the peer refused ours: compare the two ca.crt")
	case "bad certificate":
		return refuse(ErrWrongRole, err, "the peer refused ours: use a certificate of the role that this call needs")
	case "certificate required":
		return refuse(ErrNoIdentity, err, "the peer wants a certificate: name a folder of `g2c certs issue`")
	case "no application protocol", "protocol version not supported", "handshake failure":
		return refuse(ErrProtocol, err, "is that the address of a coordinator of this release?")
	}
	return err
}

// refuse says that a peer may not; the class is that of what is not permitted.
func refuse(why, err error, hint string) error {
	return fault.New(fault.ErrUnavailable, "%w: %w", why, err).WithHint("%s", hint)
}
