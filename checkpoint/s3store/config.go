package s3store

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"g2c/checkpoint/store"
	"g2c/internal/fault"
	"g2c/internal/remote"
)

// Scheme begins the name of a bucket.
const Scheme = "s3://"

// The ways in which a request names its bucket.
const (
	PathStyle    = "path"    // https://HOST/BUCKET/KEY
	VirtualStyle = "virtual" // https://BUCKET.HOST/KEY
)

// Encryptions by the server.
const (
	SSES3  = "AES256"
	SSEKMS = "aws:kms"
)

// Config says where a bucket is and how it is reached.
type Config struct {
	Bucket string
	Prefix string // of all keys, without slashes at its ends; may be empty

	Endpoint  string // http(s)://HOST[:PORT]; empty: AWS
	Region    string // empty: the bucket's own, asked of AWS
	Style     string // PathStyle or VirtualStyle; empty: virtual at AWS, else path
	SSE       string // SSES3 or SSEKMS; empty: as the bucket has it
	KMSKey    string // id of the key for SSEKMS; empty: the bucket's
	CABundle  string // file of certificates in PEM that are trusted beside the system's
	Anonymous bool   // requests are not signed

	// NoMetadata leaves the metadata service of EC2 out of the search for credentials.
	NoMetadata bool

	// PartBytes is the size of a part; DefaultPartBytes if 0. S3 takes no fewer than 5 MiB.
	PartBytes int64
	// Parallel is how many requests with a body one Store has under way; DefaultParallel if 0.
	Parallel int
}

// What a Config with zeros means.
const (
	DefaultPartBytes = 16 << 20
	DefaultParallel  = 16
)

// Is tells whether a path names a bucket.
func Is(path string) bool { return strings.HasPrefix(path, Scheme) }

// optionNames are what may stand behind the question mark.
var optionNames = []string{"endpoint", "region", "style", "sse", "kms-key", "ca", "anonymous"}

// Parse reads s3://BUCKET[/PREFIX][?endpoint=URL&region=…&style=path|virtual&sse=AES256|aws:kms&kms-key=ID&ca=FILE&anonymous=true].
// What it does not say comes from the environment: AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL,
// AWS_REGION, AWS_DEFAULT_REGION, AWS_CA_BUNDLE, AWS_EC2_METADATA_DISABLED.
func Parse(name string, getenv func(string) string) (Config, error) {
	c, err := parse(name, getenv)
	if err != nil {
		return Config{}, err
	}
	if c.Prefix != "" {
		if err := store.CheckKey(c.Prefix); err != nil {
			return Config{}, fault.New(fault.ErrSpec, "the prefix of %s: %w", name, err)
		}
	}
	return c, nil
}

// parse is Parse without a look at the prefix, which for data may be any key.
func parse(name string, getenv func(string) string) (Config, error) {
	rest, ok := strings.CutPrefix(name, Scheme)
	if !ok {
		return Config{}, fault.New(fault.ErrSpec, "%s is no bucket: it does not begin with %s", name, Scheme)
	}
	rest, text := remote.Split(rest)
	options, err := parseOptions(name, text)
	if err != nil {
		return Config{}, err
	}
	bucket, prefix, _ := strings.Cut(rest, "/")
	c := Config{
		Bucket: bucket, Prefix: strings.Trim(prefix, "/"),
		Endpoint: strings.TrimRight(cmp.Or(options.Get("endpoint"), getenv("AWS_ENDPOINT_URL_S3"), getenv("AWS_ENDPOINT_URL")), "/"),
		Region:   cmp.Or(options.Get("region"), getenv("AWS_REGION"), getenv("AWS_DEFAULT_REGION")),
		Style:    options.Get("style"), SSE: options.Get("sse"), KMSKey: options.Get("kms-key"),
		CABundle:   cmp.Or(options.Get("ca"), getenv("AWS_CA_BUNDLE")),
		NoMetadata: strings.EqualFold(getenv("AWS_EC2_METADATA_DISABLED"), "true"),
	}
	if text := options.Get("anonymous"); text != "" {
		if c.Anonymous, err = strconv.ParseBool(text); err != nil {
			return Config{}, fault.New(fault.ErrSpec, "%s: anonymous is %q, and must be true or false", name, text)
		}
	}
	return c, c.validate(name)
}

// parseOptions reads what stands behind a name, question mark included.
func parseOptions(name, text string) (url.Values, error) {
	options, err := url.ParseQuery(strings.TrimPrefix(text, "?"))
	if err != nil {
		return nil, fault.New(fault.ErrSpec, "the options of %s: %w", name, err)
	}
	for key, values := range options {
		if !slices.Contains(optionNames, key) || len(values) != 1 {
			return nil, fault.New(fault.ErrSpec, "%s: there is no option %q, or it is given twice", name, key).
				WithHint("the options are %s", strings.Join(optionNames, ", "))
		}
	}
	return options, nil
}

func (c Config) validate(name string) error {
	bad := func(format string, a ...any) error {
		return fault.New(fault.ErrSpec, name+": "+format, a...)
	}
	if c.Endpoint != "" {
		u, err := url.Parse(c.Endpoint)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.Path != "" || u.RawQuery != "" || u.User != nil {
			return bad("the endpoint %q is not http://HOST or https://HOST", c.Endpoint)
		}
	}
	switch {
	case !bucketName(c.Bucket):
		return bad("%q is no name of a bucket: 3 to 63 of a-z, 0-9, - and .", c.Bucket)
	case c.Style != "" && c.Style != PathStyle && c.Style != VirtualStyle:
		return bad("style is %q, and must be %s or %s", c.Style, PathStyle, VirtualStyle)
	case c.SSE != "" && c.SSE != SSES3 && c.SSE != SSEKMS:
		return bad("sse is %q, and must be %s or %s", c.SSE, SSES3, SSEKMS)
	case c.KMSKey != "" && c.SSE != SSEKMS:
		return bad("kms-key goes with sse=%s", SSEKMS)
	}
	return nil
}

func bucketName(name string) bool {
	if len(name) < 3 || len(name) > 63 {
		return false
	}
	for i := range len(name) {
		c := name[i]
		edge := i == 0 || i == len(name)-1
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || !edge && (c == '-' || c == '.')) {
			return false
		}
	}
	return !strings.Contains(name, "..")
}

// Name is the bucket and the prefix for people: s3://BUCKET/PREFIX.
func (c Config) Name() string {
	if c.Prefix == "" {
		return Scheme + c.Bucket
	}
	return Scheme + c.Bucket + "/" + c.Prefix
}

func (c Config) partBytes() int64 { return cmp.Or(c.PartBytes, DefaultPartBytes) }
func (c Config) parallel() int    { return cmp.Or(c.Parallel, DefaultParallel) }
