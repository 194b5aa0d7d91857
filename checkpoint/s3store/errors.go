package s3store

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"

	"github.com/minio/minio-go/v7"

	"g2c/checkpoint/retry"
	"g2c/checkpoint/store"
	"g2c/internal/fault"
)

// Codes of errors of S3, by what they mean to us.
var (
	busyCodes = []string{
		"SlowDown", "SlowDownRead", "SlowDownWrite", "ServiceUnavailable", "InternalError", "RequestTimeout", "Throttling", "ThrottlingException",
		"RequestLimitExceeded", "RequestThrottled", "OperationAborted", "ConditionalRequestConflict", "BandwidthLimitExceeded",
	}
	// spoiltCodes are bytes that changed on their way: they are sent again.
	spoiltCodes  = []string{"BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody", "InvalidDigest", "XAmzContentChecksumMismatch"}
	expiredCodes = []string{"ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired", "RequestExpired"}
	// wordlessCode may be one of them too: the answer to a HEAD has no body that says more.
	wordlessCode = "400 Bad Request"
	deniedCodes  = []string{
		"AccessDenied", "AllAccessDisabled", "AccountProblem", "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidSecurity",
		"NotSignedUp", "UnauthorizedAccess", "403 Forbidden", "401 Unauthorized",
	}
	fullCodes   = []string{"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "StorageFull", "InsufficientStorage", "507 Insufficient Storage"}
	regionCodes = []string{"PermanentRedirect", "TemporaryRedirect", "AuthorizationHeaderMalformed", "InvalidRegion", "IllegalLocationConstraintException", "301 Moved Permanently"}
	absentCodes = []string{"NoSuchKey", "NoSuchVersion", "ObjectParentIsFile", "XMinioParentIsObject"}
)

// isCode tells whether an error of S3 has one of some codes.
func isCode(err error, codes ...string) bool {
	var e minio.ErrorResponse
	return errors.As(err, &e) && slices.Contains(codes, e.Code)
}

// judge marks an error of a request that may pass.
func judge(ctx context.Context, err error) error {
	var e minio.ErrorResponse
	switch {
	case err == nil || ctx.Err() != nil || errors.Is(err, store.ErrRange) || errors.Is(err, errReplaced):
		return err
	case errors.As(err, &e):
		passes := slices.Contains(busyCodes, e.Code) || slices.Contains(spoiltCodes, e.Code) ||
			e.StatusCode == http.StatusTooManyRequests || e.StatusCode == http.StatusRequestTimeout ||
			e.StatusCode >= 500 && e.StatusCode != http.StatusNotImplemented && e.StatusCode != http.StatusInsufficientStorage
		if passes && !slices.Contains(fullCodes, e.Code) {
			return retry.Transient(err)
		}
		return err
	case broke(err):
		return retry.Transient(err)
	}
	return err
}

// broke tells whether a request failed on its way, for a reason that may pass.
func broke(err error) bool {
	var certificate *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var record tls.RecordHeaderError
	var name *net.DNSError
	switch {
	case errors.As(err, &certificate), errors.As(err, &authority), errors.As(err, &record):
		return false
	case errors.As(err, &name):
		return name.IsTemporary || name.IsTimeout
	case errors.Is(err, errChecksum), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return true
	}
	var classed *fault.Error
	var argument minio.ErrorResponse
	return !errors.As(err, &classed) && !errors.As(err, &argument)
}

// errChecksum is an object whose bytes are not those that its checksum was made of.
var errChecksum = errors.New("the bytes that were read do not match the checksum of the object")

// explain says what went wrong in words, with the store's own sentinel in the chain.
func (b *bucket) explain(doing, key string, err error) error {
	var classed *fault.Error
	what := b.cfg.Name()
	if key != "" {
		what += "/" + key
	}
	unavailable := func(cause error, hint string, a ...any) error {
		return fault.New(fault.ErrUnavailable, "%s %s: %w", doing, what, cause).WithHint(hint, a...)
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.As(err, &classed):
		return fmt.Errorf("%s %s: %w", doing, what, err)
	case errors.Is(err, store.ErrRange):
		return fmt.Errorf("%s %s: %w", doing, what, err)
	case errors.Is(err, errReplaced):
		return unavailable(err, "start again: what is there now is read then")
	case isCode(err, absentCodes...) && key != "":
		return fmt.Errorf("%s %s: %w", doing, what, store.ErrNotExist)
	case isCode(err, "NoSuchBucket"):
		return fault.New(fault.ErrUnavailable, "%s %s: there is no bucket %s at %s", doing, what, b.cfg.Bucket, b.host()).
			WithHint("check its name and the endpoint, or make it: g2c makes no buckets")
	case isCode(err, expiredCodes...) || errors.Is(err, errExpired):
		return unavailable(chain(store.ErrDenied, errExpired), "renew them and start again: what was saved before is untouched")
	case isCode(err, "RequestTimeTooSkewed"):
		return unavailable(fmt.Errorf("the clock of this machine is more than 15 minutes off the server's: %w", err), "set the clock, for instance by NTP")
	case isCode(err, fullCodes...):
		return unavailable(chain(store.ErrFull, err), "free some space, or raise the quota of the bucket, and start again: what was saved before is untouched")
	case isCode(err, deniedCodes...):
		return unavailable(chain(store.ErrDenied, err), "these credentials need s3:ListBucket on the bucket, and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload below the prefix")
	case isCode(err, regionCodes...):
		return unavailable(err, "the bucket lies in another region: give it with AWS_REGION or ?region=")
	}
	return unavailable(err, "check the endpoint (%s) and the network", b.host())
}

// chain is one error that is both, on one line.
func chain(sentinel, err error) error { return fmt.Errorf("%w: %w", sentinel, err) }
