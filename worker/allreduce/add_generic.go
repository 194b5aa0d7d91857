//go:build !amd64

package allreduce

// addBlocks adds none: there is no assembly here.
func addBlocks[T Element](_, _, _ []T) int { return 0 }
