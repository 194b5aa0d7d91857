package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"g2c/internal/fault"
)

func someFlags() (*pflag.FlagSet, *string, *time.Duration, *[]string) {
	f := pflag.NewFlagSet("x", pflag.ContinueOnError)
	return f, f.String("id", "", ""), f.Duration("rehearse", 0, ""), f.StringArray("set", nil, "")
}

func TestConfigSetsWhatTheCommandLineDoesNot(t *testing.T) {
	f, id, rehearse, set := someFlags()
	if err := f.Parse([]string{"--id", "w2"}); err != nil {
		t.Fatal(err)
	}
	text := "# a worker\n\nid: w1\nrehearse : 200ms\nset: a=1:2\nset: \"b=2\"\n"
	if err := setFlags(f, "x.conf", []byte(text)); err != nil {
		t.Fatal(err)
	}
	if *id != "w2" || *rehearse != 200*time.Millisecond || strings.Join(*set, " ") != "a=1:2 b=2" {
		t.Errorf("%s %v %q", *id, *rehearse, *set)
	}
}

func TestConfigSaysWhereItIsWrong(t *testing.T) {
	for text, want := range map[string]string{
		"id w1":              "x.conf:1",
		"id: a\nnope: b":     `no flag "nope"`,
		"\nrehearse: slowly": "x.conf:2",
	} {
		f, _, _, _ := someFlags()
		err := setFlags(f, "x.conf", []byte(text))
		if !errors.Is(err, fault.ErrSpec) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func FuzzConfig(f *testing.F) {
	f.Add("id: w1\nrehearse: 1s\n")
	f.Fuzz(func(t *testing.T, text string) {
		flags, _, _, _ := someFlags()
		if err := setFlags(flags, "x", []byte(text)); err != nil && !errors.Is(err, fault.ErrSpec) {
			t.Errorf("%v", err)
		}
	})
}
