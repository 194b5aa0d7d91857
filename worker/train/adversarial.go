package train

import (
	"math"

	"g2c/kernels"
)

// adversarial is a step of a generator and of what judges it, each with a program that Adam
// ends: what CycleGAN's and pix2pix's steps have in common.
type adversarial struct {
	*step
	input, generator, discriminator, sample kernels.Exec
	gen, dis                                *training
	beta1, beta2                            float64
	hyper64                                 [2]float64
}

// watch reads the losses of slots: those of the discriminator are the last so many.
func (s *adversarial) watch(prefix string, losses []string, discriminators int) {
	var slots []string
	for _, n := range losses {
		slots = append(slots, prefix+n)
	}
	cut := len(slots) - discriminators
	s.gen, s.dis = newTraining(s.generator, slots[:cut]...), newTraining(s.discriminator, slots[cut:]...)
}

// Losses appends the losses of the last step.
func (s *adversarial) Losses(to []float64) []float64 {
	return append(append(to, s.gen.losses...), s.dis.losses...)
}

// setAdam writes Adam's two factors for step t: see kernels.Adam.
func (s *adversarial) setAdam(slot string, lr float64, t int64) error {
	s.hyper64 = [2]float64{lr / (1 - power(s.beta1, t)), math.Sqrt(1 - power(s.beta2, t))}
	return s.state.PutF64(slot, s.hyper64[:])
}

// power is x^n by squaring: the same bits everywhere.
func power(x float64, n int64) float64 {
	r := 1.0
	for ; n > 0; n >>= 1 {
		if n&1 == 1 {
			r *= x
		}
		x *= x
	}
	return r
}
