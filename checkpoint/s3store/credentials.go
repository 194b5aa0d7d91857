package s3store

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"

	"g2c/internal/fault"
)

// metadataTimeout bounds a call to a metadata service, which is near or not there.
const metadataTimeout = 3 * time.Second

// newCredentials searches where every tool of AWS does: environment, profile of the shared
// files, web identity, container, metadata of the machine.
func newCredentials(c Config, client *http.Client) *credentials.Credentials {
	if c.Anonymous {
		return credentials.NewStatic("", "", "", credentials.SignatureAnonymous)
	}
	return credentials.New(&search{noMetadata: c.NoMetadata, client: client})
}

// search takes the first credentials that it finds, and says what it found where there are
// none: unsigned requests would only be denied without a reason.
type search struct {
	noMetadata bool
	client     *http.Client
	found      credentials.Provider
}

// Retrieve implements credentials.Provider.
func (s *search) Retrieve() (credentials.Value, error) { return s.RetrieveWithCredContext(nil) }

// RetrieveWithCredContext implements credentials.Provider.
func (s *search) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	if cc == nil {
		cc = &credentials.CredContext{}
	}
	var why []error
	for _, place := range s.places() {
		v, err := place.provider.RetrieveWithCredContext(cc)
		if err == nil && v.AccessKeyID != "" && v.SecretAccessKey != "" {
			s.found = place.provider
			return v, nil
		}
		if err != nil {
			why = append(why, fmt.Errorf("%s: %w", place.name, err))
		}
	}
	return credentials.Value{}, fault.New(fault.ErrUnavailable, "there are no credentials for S3: %w", &noCredentials{why}).
		WithHint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE")
}

// IsExpired implements credentials.Provider.
func (s *search) IsExpired() bool { return s.found == nil || s.found.IsExpired() }

type place struct {
	name     string
	provider credentials.Provider
}

func (s *search) places() []place {
	all := []place{{"environment", &credentials.EnvAWS{}}, {"shared files", &credentials.FileAWSCredentials{}}}
	switch {
	case os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "":
		all = append(all, place{"web identity", &credentials.IAM{Client: s.client}})
	case os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")+os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != "":
		all = append(all, place{"container", &credentials.IAM{Client: nearby()}})
	case !s.noMetadata:
		all = append(all, place{"metadata service", &credentials.IAM{Client: nearby()}})
	}
	return all
}

// nearby calls what no proxy leads to.
func nearby() *http.Client {
	return &http.Client{Timeout: metadataTimeout, Transport: &http.Transport{DisableKeepAlives: true}}
}

// noCredentials is why there are none, on one line.
type noCredentials struct{ why []error }

// Error is the reasons, one behind the other.
func (n *noCredentials) Error() string {
	text := "none in the environment"
	for _, err := range n.why {
		text += "; " + err.Error()
	}
	return text
}

// Unwrap gives the reasons.
func (n *noCredentials) Unwrap() []error { return n.why }

// renewed looks for new credentials in place of those that a request was signed with and
// that the server says are too old. They are new where another request has renewed them
// already.
func renewed(ctx context.Context, c *credentials.Credentials, used credentials.Value) (bool, error) {
	cc := &credentials.CredContext{Context: ctx}
	now, err := c.GetWithContext(cc)
	if err == nil && same(now, used) {
		c.Expire()
		now, err = c.GetWithContext(cc)
	}
	if err != nil {
		return false, chain(errExpired, err)
	}
	return !same(now, used), nil
}

func same(a, b credentials.Value) bool {
	return a.AccessKeyID == b.AccessKeyID && a.SecretAccessKey == b.SecretAccessKey && a.SessionToken == b.SessionToken
}

// errExpired is credentials that the server says are too old.
var errExpired = errors.New("the credentials have expired")
