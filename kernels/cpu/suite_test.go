package cpu_test

import (
	"testing"

	"g2c/kernels"
	"g2c/kernels/cpu"
	"g2c/kernels/kernelstest"
)

// open gives a device with an instruction set and a number of threads.
func open(isa cpu.ISA, threads int) kernelstest.Open {
	return func(t testing.TB) kernels.Device {
		d, err := cpu.New(cpu.Options{ISA: isa, Threads: threads})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
}

// The suite on what this processor has, equal to the bit for any number of
// threads and for every instruction set of the class.
func TestSuite(t *testing.T) {
	same := []kernelstest.Open{open(cpu.Auto, 1), open(cpu.Auto, 3)}
	if d, err := cpu.New(cpu.Options{}); err == nil {
		if d.ISA() == cpu.AVX512 {
			same = append(same, open(cpu.AVX2, 2))
		} else {
			t.Log("SKIPPED: no AVX-512 here to compare with; its kernels are run by the interpreter of the generator")
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	kernelstest.Run(t, open(cpu.Auto, 2), kernelstest.Options{Scale: 1, Same: same})
}

// The portable code, on any processor.
func TestSuitePortable(t *testing.T) {
	kernelstest.Run(t, open(cpu.Portable, 2), kernelstest.Options{Scale: 1, Same: []kernelstest.Open{open(cpu.Portable, 1)}})
}
