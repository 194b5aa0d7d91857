//go:build !amd64

package allreduce

// These do nothing: there is no assembly here.

func addBlocks[T Element](_, _, _ []T) int             { return 0 }
func addHalfBlocks(_, _, _ []float32) int              { return 0 }
func addHalfWideBlocks(_, _ []float32, _ []uint16) int { return 0 }
func narrowBlocks(_ []uint16, _ []float32) int         { return 0 }
func widenBlocks(_ []float32, _ []uint16) int          { return 0 }
