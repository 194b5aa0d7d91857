//go:build !amd64

package cpu

// passes are those of an instruction set.
func passes(ISA) passSet { return plainPasses() }
