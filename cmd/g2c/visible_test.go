package main

import "testing"

func TestVisible(t *testing.T) {
	for text, want := range map[string]string{
		"":                          "",
		"nécrose ×\ta\n":            "nécrose ×\ta\n",
		"im\x1b[31mg.png":           `im\x1b[31mg.png`,
		"a\rb\x00\x7f":              `a\rb\x00\x7f`,
		"a\u009b31m\u202egnp":       `a\u009b31m\u202egnp`,
		"latin\xe9.png and \ufffd.": `latin\xe9.png and ` + "\ufffd.",
	} {
		if got := visible(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
