package userpath

import (
	"strings"
	"testing"
)

func TestExpand(t *testing.T) {
	const home = "/home/ada"
	for path, want := range map[string]string{
		"~": home, "~/": home, "~/runs": home + "/runs", `~\data\train`: home + "/data/train", "runs/": "runs/", "./~/x": "./~/x", "a~": "a~", "./$HOME": "./$HOME",
		"/x/y": "/x/y", `d\train`: `d\train`, "100%": "100%", "s3://b/x": "s3://b/x", "": "", "c:": "c:",
	} {
		if got, err := Expand(path, home); err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", path, got, err, want)
		}
	}
	for path, says := range map[string]string{
		"~ada/runs": "other users", "~x": "other users", "$HOME/runs": "environment", "${HOME}/x": "environment", "$(pwd)": "environment", "$": "environment", `%USERPROFILE%\x`: "environment",
		`C:\Users\ada`: "Windows", "d:/x": "Windows", `\\server\share`: "Windows",
	} {
		if got, err := Expand(path, home); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %q, %v; want %q", path, got, err, says)
		}
	}
	if got, err := Expand("~/runs", ""); err == nil {
		t.Errorf("without a home ~/runs is %q", got)
	}
}
