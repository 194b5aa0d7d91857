package remote

import "testing"

func TestSplit(t *testing.T) {
	for address, want := range map[string][2]string{
		"s3://b/x":                        {"s3://b/x", ""},
		"s3://b/x?region=eu":              {"s3://b/x", "?region=eu"},
		"s3://b/a?.png":                   {"s3://b/a?.png", ""},
		"s3://b/a?.png?endpoint=http://h": {"s3://b/a?.png", "?endpoint=http://h"},
		"":                                {"", ""},
	} {
		if plain, options := Split(address); plain != want[0] || options != want[1] {
			t.Errorf("%q: %q and %q", address, plain, options)
		}
	}
}
