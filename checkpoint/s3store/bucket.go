package s3store

import (
	"cmp"
	"context"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/encrypt"

	"g2c/checkpoint/retry"
	"g2c/internal/fault"
)

// bucket sends requests to one bucket, each until it is answered or given up, and says in
// words what went wrong.
type bucket struct {
	cfg    Config
	core   *minio.Core
	creds  *credentials.Credentials
	sse    encrypt.ServerSide
	secure bool
	retry  retry.Policy
	slots  chan struct{} // one for each request with a body that is under way
}

// awsEndpoint stands for all regions: the client asks where a bucket is.
const awsEndpoint = "https://s3.amazonaws.com"

// anyRegion is what servers other than AWS are told.
const anyRegion = "us-east-1"

func newBucket(c Config, policy retry.Policy, stall time.Duration) (*bucket, error) {
	endpoint, region := c.Endpoint, c.Region
	if endpoint == "" {
		endpoint = awsEndpoint
	} else if region == "" {
		region = anyRegion
	}
	u, err := url.Parse(endpoint)
	if err != nil {
		return nil, fault.New(fault.ErrSpec, "endpoint %s: %w", endpoint, err)
	}
	transport, err := newTransport(c, stall)
	if err != nil {
		return nil, err
	}
	b := &bucket{cfg: c, secure: u.Scheme == "https", retry: policy, slots: make(chan struct{}, c.parallel())}
	b.creds = newCredentials(c, &http.Client{Transport: transport, Timeout: stall})
	if b.sse, err = encryption(c); err != nil {
		return nil, err
	}
	b.core, err = minio.NewCore(u.Host, &minio.Options{
		Creds: b.creds, Secure: b.secure, Region: region, Transport: transport,
		BucketLookup: lookup(c), MaxRetries: 1, // package retry does that
	})
	if err != nil {
		return nil, fault.New(fault.ErrSpec, "%s: %w", c.Name(), err)
	}
	return b, nil
}

func lookup(c Config) minio.BucketLookupType {
	switch {
	case c.Style == VirtualStyle:
		return minio.BucketLookupDNS
	case c.Style == PathStyle || c.Endpoint != "":
		return minio.BucketLookupPath
	}
	return minio.BucketLookupAuto
}

func encryption(c Config) (encrypt.ServerSide, error) {
	switch c.SSE {
	case SSES3:
		return encrypt.NewSSE(), nil
	case SSEKMS:
		return encrypt.NewSSEKMS(c.KMSKey, nil)
	}
	return nil, nil
}

// host is where the bucket is, for people.
func (b *bucket) host() string { return b.core.EndpointURL().Host }

// object is the name of a key in the bucket.
func (b *bucket) object(key string) string {
	if b.cfg.Prefix == "" {
		return key
	}
	return b.cfg.Prefix + "/" + key
}

// try sends a request until it is answered or given up. doing and key are for people.
func (b *bucket) try(ctx context.Context, doing, key string, send func(context.Context) error) error {
	err := b.retry.Do(ctx, func(ctx context.Context) error {
		used, _ := b.creds.GetWithContext(&credentials.CredContext{Context: ctx}) // send has the error
		err := send(ctx)
		expired := isCode(err, expiredCodes...)
		if expired || isCode(err, wordlessCode) {
			fresh, cause := renewed(ctx, b.creds, used)
			if fresh {
				return retry.Transient(err)
			}
			if expired {
				return cmp.Or(cause, err)
			}
		}
		return judge(ctx, err)
	})
	return b.explain(doing, key, err)
}

// tryBody is try for requests with a body in either direction, of which only so many are
// under way.
func (b *bucket) tryBody(ctx context.Context, doing, key string, send func(context.Context) error) error {
	select {
	case b.slots <- struct{}{}:
		defer func() { <-b.slots }()
	case <-ctx.Done():
		return b.explain(doing, key, ctx.Err())
	}
	return b.try(ctx, doing, key, send)
}

// found is an object as a server describes it.
type found struct {
	size     int64
	modified time.Time
	etag     string
	writer   string // of the put that made it
}

func foundOf(i minio.ObjectInfo) found {
	return found{size: i.Size, modified: i.LastModified, etag: i.ETag, writer: i.UserMetadata[writerField]}
}

func (b *bucket) stat(ctx context.Context, doing, key string) (f found, err error) {
	err = b.try(ctx, doing, key, func(ctx context.Context) error {
		i, err := b.core.StatObject(ctx, b.cfg.Bucket, b.object(key), minio.StatObjectOptions{})
		f = foundOf(i)
		return err
	})
	return f, err
}

// list tells of every object below a prefix of object names. A listing that breaks goes on
// behind the last name.
func (b *bucket) list(ctx context.Context, prefix string, limit int, each func(minio.ObjectInfo)) error {
	after, n := "", 0
	return b.try(ctx, "list", strings.TrimPrefix(prefix, b.cfg.Prefix+"/"), func(ctx context.Context) error {
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		for i := range b.core.ListObjectsIter(ctx, b.cfg.Bucket, minio.ListObjectsOptions{Prefix: prefix, Recursive: true, StartAfter: after, MaxKeys: limit}) {
			if i.Err != nil {
				return i.Err
			}
			each(i)
			after = i.Key
			if n++; n == limit {
				return nil
			}
		}
		return ctx.Err()
	})
}

func (b *bucket) remove(ctx context.Context, key string) error {
	return b.try(ctx, "delete", key, func(ctx context.Context) error {
		err := b.core.RemoveObject(ctx, b.cfg.Bucket, b.object(key), minio.RemoveObjectOptions{})
		if isCode(err, absentCodes...) {
			return nil
		}
		return err
	})
}

// drain reads a body to its end and closes it, so that its connection can be used again.
func drain(body io.ReadCloser) { _, _ = io.Copy(io.Discard, body); body.Close() }
