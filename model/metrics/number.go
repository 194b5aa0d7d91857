package metrics

import (
	"encoding/json"
	"math"
)

// Number is a quantity that may be undefined: NaN, null in JSON.
type Number float64

// Undefined is the number that says so.
func Undefined() Number { return Number(math.NaN()) }

// Defined reports whether the number is one.
func (n Number) Defined() bool { return !math.IsNaN(float64(n)) && !math.IsInf(float64(n), 0) }

// MarshalJSON implements json.Marshaler.
func (n Number) MarshalJSON() ([]byte, error) {
	if !n.Defined() {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Undefined()
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// ratio is a/b, undefined for b = 0.
func ratio(a, b int) Number {
	if b == 0 {
		return Undefined()
	}
	return Number(float64(a) / float64(b))
}
