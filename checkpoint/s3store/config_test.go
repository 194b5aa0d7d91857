package s3store

import (
	"errors"
	"strings"
	"testing"
	"time"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

func TestParse(t *testing.T) {
	empty := func(string) string { return "" }
	full := func(name string) string {
		return map[string]string{
			"AWS_ENDPOINT_URL": "https://general", "AWS_ENDPOINT_URL_S3": "https://of-s3:9000/", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "nowhere",
			"AWS_CA_BUNDLE": "/ca.pem", "AWS_EC2_METADATA_DISABLED": "TRUE",
		}[name]
	}
	for name, c := range map[string]struct {
		getenv func(string) string
		want   Config
	}{
		"s3://bucket":                          {empty, Config{Bucket: "bucket"}},
		"s3://bucket/":                         {empty, Config{Bucket: "bucket"}},
		"s3://b.u-c/runs/of_mine/":             {empty, Config{Bucket: "b.u-c", Prefix: "runs/of_mine"}},
		"s3://bucket/p?region=eu&style=path":   {empty, Config{Bucket: "bucket", Prefix: "p", Region: "eu", Style: PathStyle}},
		"s3://bucket?sse=aws:kms&kms-key=a/b":  {empty, Config{Bucket: "bucket", SSE: SSEKMS, KMSKey: "a/b"}},
		"s3://bucket?anonymous=true&ca=x":      {empty, Config{Bucket: "bucket", Anonymous: true, CABundle: "x"}},
		"s3://bucket/p":                        {full, Config{Bucket: "bucket", Prefix: "p", Endpoint: "https://of-s3:9000", Region: "eu-west-1", CABundle: "/ca.pem", NoMetadata: true}},
		"s3://bucket/p?endpoint=http://h:1234": {full, Config{Bucket: "bucket", Prefix: "p", Endpoint: "http://h:1234", Region: "eu-west-1", CABundle: "/ca.pem", NoMetadata: true}},
	} {
		if got, err := Parse(name, c.getenv); err != nil || got != c.want {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, says := range map[string]string{
		"/runs": "s3://", "s3://": "no name of a bucket", "s3://B/x": "no name", "s3://-bucket": "no name", "s3://a..b": "no name", "s3://bucket/a//b": "prefix",
		"s3://bucket/../b": "prefix", "s3://bucket/.a": "prefix", "s3://bucket?regoin=eu": "regoin", "s3://bucket?region=a&region=b": "region", "s3://bucket?style=round=1": "style",
		"s3://bucket?sse=des": "sse", "s3://bucket?kms-key=a": "kms-key", "s3://bucket?endpoint=host": "endpoint", "s3://bucket?endpoint=ftp://h": "endpoint",
		"s3://bucket?endpoint=http://u:p@h": "endpoint", "s3://bucket?anonymous=perhaps": "anonymous", "s3://bucket?region=%zz": "options",
	} {
		if _, err := Parse(name, empty); !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", name, err, says)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"s3://bucket/a/b?endpoint=https://h:1&region=x&style=virtual&sse=AES256", "s3://b?=", "s3://bucket/%2e%2e?ca=%00"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		c, err := Parse(name, func(string) string { return "" })
		if err != nil {
			if !errors.Is(err, fault.ErrSpec) {
				t.Errorf("%q: %v", name, err)
			}
			return
		}
		if c.Prefix != "" && store.CheckKey(c.Prefix) != nil || c.Bucket == "" || strings.Contains(c.Bucket, "/") {
			t.Errorf("%q: %+v", name, c)
		}
		if again, err := Parse(c.Name(), func(string) string { return "" }); err != nil || again.Bucket != c.Bucket || again.Prefix != c.Prefix {
			t.Errorf("%q: its name %s reads as %+v, %v", name, c.Name(), again, err)
		}
	})
}

// A request names its bucket in the path or in the host, as it is asked for.
func TestStyle(t *testing.T) {
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	for options, want := range map[string]string{
		"?endpoint=https://host:1":                             "https://host:1/bucket/key",
		"?endpoint=https://host:1&style=path":                  "https://host:1/bucket/key",
		"?endpoint=https://host:1&style=virtual":               "https://bucket.host:1/key",
		"?region=eu-west-1":                                    "https://bucket.s3.dualstack.eu-west-1.amazonaws.com/key",
		"?region=eu-west-1&style=path":                         "https://s3.dualstack.eu-west-1.amazonaws.com/bucket/key",
		"?endpoint=https://host:1&anonymous=false&sse=AES256":  "https://host:1/bucket/key",
		"?endpoint=http://127.0.0.1:9000&sse=aws:kms&region=x": "http://127.0.0.1:9000/bucket/key",
	} {
		c, err := Parse("s3://bucket"+options, func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		b, err := newBucket(c, policy(1, nil), stallTimeout)
		if err != nil {
			t.Fatal(err)
		}
		u, err := b.core.PresignedGetObject(t.Context(), "bucket", "key", time.Hour, nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := u.Scheme + "://" + u.Host + u.Path; got != want {
			t.Errorf("%s: %s, want %s", options, got, want)
		}
	}
}

func TestPartSize(t *testing.T) {
	for size, want := range map[int64]int64{1: 16 << 20, 1 << 30: 16 << 20, 10000 * (16 << 20): 16 << 20, 10000*(16<<20) + 1: 17 << 20, 5 << 40: 525 << 20} {
		got := partSize(size, 16<<20)
		if got != want || (size+got-1)/got > maxParts {
			t.Errorf("%d bytes in parts of %d, want %d", size, got, want)
		}
	}
}
