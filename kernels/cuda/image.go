//go:build gpu

package cuda

import (
	"embed"
	"strings"

	"gorgonia.org/cu"

	"g2c/internal/fault"
)

// files holds kernels.fatbin, if `make gpu` made one before this build.
//
//go:embed image
var files embed.FS

// The CUDA whose compiler makes the image (requirements.txt), and the first driver of it:
// older ones refuse its machine code.
const (
	toolChain       = 13
	toolChainDriver = 580
)

// loadKernels loads the machine code of the kernels. A build without any still runs on
// the emulated driver, which brings kernels of its own and looks at no image.
func loadKernels() (cu.Module, error) {
	code, err := files.ReadFile("image/kernels.fatbin")
	if err != nil {
		m, err := cu.LoadData(strings.Repeat("no code", 16))
		if err != nil {
			return m, fault.New(fault.ErrUnavailable, "this build carries no GPU code: %w", err).WithHint("build with `make gpu`")
		}
		return m, nil
	}
	m, err := cu.LoadData(string(code))
	if err != nil {
		return m, fault.New(fault.ErrUnavailable, "load the kernels: %w", err).
			WithHint("they need a driver of CUDA %d (%d) or later, and this is one of CUDA %d.%d", toolChain, toolChainDriver, cu.Version()/1000, cu.Version()%1000/10)
	}
	return m, nil
}
