package store

import (
	"fmt"
	"strings"
)

// Limits of keys: S3 allows 1,024 bytes, file names 255.
const (
	MaxKeyBytes     = 1000
	MaxSegmentBytes = 255
)

// CheckKey accepts names that are safe as file names and as object keys: one or
// more segments joined by "/", each of ASCII letters, digits, ".", "_" and "-",
// and none beginning with "." or "-".
func CheckKey(key string) error {
	if len(key) > MaxKeyBytes {
		return fmt.Errorf("%w: %d bytes, the limit is %d", ErrBadKey, len(key), MaxKeyBytes)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if err := checkSegment(segment); err != nil {
			return fmt.Errorf("%w %q: %s", ErrBadKey, key, err)
		}
	}
	return nil
}

func checkSegment(s string) error {
	switch {
	case s == "":
		return fmt.Errorf("empty segment")
	case len(s) > MaxSegmentBytes:
		return fmt.Errorf("segment of %d bytes, the limit is %d", len(s), MaxSegmentBytes)
	case s[0] == '.' || s[0] == '-':
		return fmt.Errorf("segment %q begins with %q", s, s[0])
	}
	for i := range len(s) {
		if !keyByte(s[i]) {
			return fmt.Errorf("byte %q is not allowed", s[i])
		}
	}
	return nil
}

func keyByte(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
		c == '.' || c == '_' || c == '-'
}

// CheckRange returns ErrRange unless [offset, offset+length) lies inside an
// object of the given size, all in bytes.
func CheckRange(offset, length, size int64) error {
	if offset < 0 || length < 0 || offset > size || length > size-offset {
		return fmt.Errorf("%w: %d bytes from %d of %d", ErrRange, length, offset, size)
	}
	return nil
}
