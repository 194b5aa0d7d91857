package report

import "testing"

// A row says of each stain how it is made, and nothing more where generators make all.
func TestStainWords(t *testing.T) {
	for want, g := range map[string]group{
		"":                                  {},
		"HE PASM":                           {stains: []string{"HE", "PASM"}},
		"HE by Reinhard, PASM":              {stains: []string{"HE", "PASM"}, methods: []string{"reinhard", ""}},
		"HE (a copy of the source)":         {stains: []string{"HE"}, methods: []string{"copy"}},
		"HE by an untrained generator":      {stains: []string{"HE"}, methods: []string{"random"}},
		"HE (the real stain), M by Macenko": {stains: []string{"HE", "M"}, methods: []string{"truth", "macenko"}},
	} {
		if got := g.stainWords(); got != want {
			t.Errorf("%v by %v: %q, want %q", g.stains, g.methods, got, want)
		}
	}
}
