package store

import (
	"errors"
	"math"
	"strings"
	"testing"
)

func TestCheckKey(t *testing.T) {
	for _, key := range []string{"a", "objects/0a1b", "manifests/k/000000001.json", "A_b-c.d/e", strings.Repeat("x", MaxSegmentBytes)} {
		if err := CheckKey(key); err != nil {
			t.Errorf("%q refused: %v", key, err)
		}
	}
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a/.lock", "-rf", "a b", "a\\b", "a\x00", "é", "a:b",
		strings.Repeat("x", MaxSegmentBytes+1), strings.Repeat("x/", MaxKeyBytes)} {
		if err := CheckKey(key); !errors.Is(err, ErrBadKey) {
			t.Errorf("%q accepted: %v", key, err)
		}
	}
}

func TestCheckRange(t *testing.T) {
	for _, r := range [][3]int64{{0, 0, 0}, {0, 5, 5}, {5, 0, 5}, {2, 3, 5}} {
		if err := CheckRange(r[0], r[1], r[2]); err != nil {
			t.Errorf("%v refused: %v", r, err)
		}
	}
	for _, r := range [][3]int64{{-1, 1, 5}, {0, -1, 5}, {0, 6, 5}, {6, 0, 5}, {5, 1, 5}, {1, math.MaxInt64, 5}, {math.MaxInt64, math.MaxInt64, 5}} {
		if err := CheckRange(r[0], r[1], r[2]); !errors.Is(err, ErrRange) {
			t.Errorf("%v accepted: %v", r, err)
		}
	}
}
