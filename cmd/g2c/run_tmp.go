package main

import (
	"g2c/api"
	"g2c/checkpoint/safetensors"
	"g2c/kernels"
	"github.com/spf13/cobra"
)

func newPlan() *cobra.Command   { return &cobra.Command{Use: "y"} }
func newReport() *cobra.Command { return &cobra.Command{Use: "z"} }
func debugLockstep(c *cobra.Command, d kernels.Device, t api.Task, w, b *safetensors.File, lr float64) error {
	return nil
}
