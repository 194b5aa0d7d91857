package main

import (
	"cmp"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/kernels/ref"
)

// version and commit are those of the sources, set by the build. Without it the commit is
// what the compiler knows.
var version, commit = "dev", ""

// versionInfo is what `g2c version --json` prints.
type versionInfo struct {
	Version  string            `json:"version"`
	Commit   string            `json:"commit"`
	Go       string            `json:"go"`
	Backends map[string]string `json:"backends"` // name to numerics class
}

// newVersion is `g2c version`.
func newVersion() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print version, commit, backends and their numerics classes",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			info, err := readVersion()
			if err != nil {
				return err
			}
			if wantJSON(c) {
				return printJSON(info)
			}
			fmt.Fprintf(stdout, "g2c %s (commit %s, %s)\ncpu: %s\nref: %s\n", info.Version, info.Commit, info.Go, info.Backends["cpu"], info.Backends["ref"])
			return nil
		},
	}
}

func readVersion() (versionInfo, error) {
	info := versionInfo{Version: version, Commit: cmp.Or(commit, "unknown"), Backends: map[string]string{"ref": ref.Class}}
	if b, ok := debug.ReadBuildInfo(); ok {
		info.Go = b.GoVersion
		for _, s := range b.Settings {
			if s.Key == "vcs.revision" && commit == "" {
				info.Commit = s.Value
			}
		}
	}
	var d kernels.Device
	d, err := cpu.New(cpu.Options{})
	if err != nil {
		return info, err
	}
	info.Backends["cpu"] = d.Class()
	return info, d.Close()
}
