//go:build !gpu

package main

import (
	"github.com/spf13/cobra"

	"g2c/internal/fault"
)

func tune(*cobra.Command, string) error {
	return fault.New(fault.ErrUnavailable, "this build has no CUDA backend, whose table of tiles --tune measures").WithHint("build with `make gpu`")
}
