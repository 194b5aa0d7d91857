package api

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
)

// Key is the content address of a task, or a fingerprint of data: a SHA-256.
type Key [32]byte

// minPrefix is the fewest hex digits that may stand for a key: shorter ones are
// ambiguous in any store worth having, and look like words.
const minPrefix = 4

// String is the key in 64 lower-case hex digits.
func (k Key) String() string { return hex.EncodeToString(k[:]) }

// Short is the first 12 hex digits, for people.
func (k Key) Short() string { return k.String()[:12] }

// IsZero says that no key is set.
func (k Key) IsZero() bool { return k == Key{} }

// Compare orders keys by their bytes.
func (k Key) Compare(o Key) int { return bytes.Compare(k[:], o[:]) }

// HasPrefix says whether prefix, 4 to 64 lower-case hex digits, begins the key.
func (k Key) HasPrefix(prefix string) bool {
	return IsKeyPrefix(prefix) && strings.HasPrefix(k.String(), prefix)
}

// IsKeyPrefix says whether s has the form of a key or of the beginning of one.
func IsKeyPrefix(s string) bool {
	return len(s) >= minPrefix && len(s) <= 64 && strings.Trim(s, "0123456789abcdef") == ""
}

// ParseKey reads 64 lower-case hex digits.
func ParseKey(s string) (Key, error) {
	var k Key
	if len(s) != 64 || !IsKeyPrefix(s) {
		return k, fmt.Errorf("%q is not a key: a key is 64 lower-case hex digits", s)
	}
	if _, err := hex.Decode(k[:], []byte(s)); err != nil {
		return k, fmt.Errorf("key %q: %w", s, err)
	}
	return k, nil
}

// MarshalText writes the key in hex, and nothing for the zero key.
func (k Key) MarshalText() ([]byte, error) {
	if k.IsZero() {
		return nil, nil
	}
	return []byte(k.String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (k *Key) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*k = Key{}
		return nil
	}
	parsed, err := ParseKey(string(text))
	if err != nil {
		return err
	}
	*k = parsed
	return nil
}
