package cpu

// pass goes over pixels and does the same to each of their columns. The
// assembly does 16 or 8 columns at a time; plain Go does what is left, with the
// same roundings. Its operands are streams (values by pixel and column), then
// values by column, sums by column, and scalars.
type pass struct {
	wide, narrow vectorPass // 16 and 8 columns; nil for plain Go only
	scalars      int
	plain        func(o *[maxOperands][]float32, pixels, channels, from int)
}

// vectorPass is an assembly kernel: stride is the bytes from one pixel to the
// next.
type vectorPass func(pixels, stride int64, operands **float32)

// maxOperands is the number of operands of any pass.
const maxOperands = 14

// run does a pass over pixels of so many channels.
func (p *pass) run(w *workspace, pixels, channels int, operands ...[]float32) {
	if pixels == 0 {
		return
	}
	copy(w.operands[:], operands)
	at := 0
	if p.wide != nil {
		stride := int64(4 * channels)
		for ; at+16 <= channels; at += 16 {
			p.aim(w, len(operands), at)
			p.wide(int64(pixels), stride, &w.addresses[0])
		}
		if at+8 <= channels {
			p.aim(w, len(operands), at)
			p.narrow(int64(pixels), stride, &w.addresses[0])
			at += 8
		}
	}
	if at < channels {
		p.plain(&w.operands, pixels, channels, at)
	}
}

// aim fills the table of addresses for the columns from one on.
func (p *pass) aim(w *workspace, operands, column int) {
	for i := range operands - p.scalars {
		w.addresses[i] = &w.operands[i][column]
	}
	for i := operands - p.scalars; i < operands; i++ {
		w.addresses[i] = &w.operands[i][0]
	}
}

// flat does a pass over the elements of streams: pixels of 16 columns, and a
// shorter one at the end.
func (p *pass) flat(w *workspace, operands ...[]float32) {
	n := len(operands[0])
	whole := n / 16
	p.run(w, whole, 16, operands...)
	if rest := n - whole*16; rest > 0 {
		copy(w.operands[:], operands)
		for i := range len(operands) - p.scalars {
			w.operands[i] = operands[i][whole*16:]
		}
		p.plain(&w.operands, 1, rest, 0)
	}
}

// scalar is a stretch of one value, as passes take them.
func scalar(v float32) []float32 { return []float32{v} }

// passSet holds every pass.
type passSet struct {
	addPixels, addSquares, addProducts pass
	standardize, standardizeAdd        pass
	affine, affineAdd                  pass
	gradTerms, gradTermsBy             pass
	gradApply, gradApplyBy             pass
	activate, activateBack             pass
	plus, adam, sgd                    pass
}

// plainPasses are those without assembly.
func plainPasses() passSet {
	return passSet{
		addPixels:      pass{plain: addPixels},
		addSquares:     pass{plain: addSquares},
		addProducts:    pass{plain: addProducts},
		standardize:    pass{plain: standardize, scalars: 2},
		standardizeAdd: pass{plain: standardizeAdd, scalars: 2},
		affine:         pass{plain: affine, scalars: 2},
		affineAdd:      pass{plain: affineAdd, scalars: 2},
		gradTerms:      pass{plain: gradTerms, scalars: 2},
		gradTermsBy:    pass{plain: gradTermsBy, scalars: 2},
		gradApply:      pass{plain: gradApply, scalars: 2},
		gradApplyBy:    pass{plain: gradApplyBy, scalars: 2},
		activate:       pass{plain: activate, scalars: 2},
		activateBack:   pass{plain: activateBack, scalars: 2},
		plus:           pass{plain: plus},
		adam:           pass{plain: adam, scalars: 7},
		sgd:            pass{plain: sgd, scalars: 2},
	}
}
