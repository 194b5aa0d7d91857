package cpu

// passes are those of an instruction set. Memory bounds them, so that AVX2 is
// enough for AVX-512 too.
func passes(i ISA) passSet {
	s := plainPasses()
	if i == Portable {
		return s
	}
	for _, v := range []struct {
		pass         *pass
		wide, narrow vectorPass
	}{
		{&s.addPixels, addPixels16, addPixels8},
		{&s.addSquares, addSquares16, addSquares8},
		{&s.addProducts, addProducts16, addProducts8},
		{&s.standardize, standardize16, standardize8},
		{&s.standardizeAdd, standardizeAdd16, standardizeAdd8},
		{&s.affine, affine16, affine8},
		{&s.affineAdd, affineAdd16, affineAdd8},
		{&s.gradTerms, gradTerms16, gradTerms8},
		{&s.gradTermsBy, gradTermsBy16, gradTermsBy8},
		{&s.gradApply, gradApply16, gradApply8},
		{&s.gradApplyBy, gradApplyBy16, gradApplyBy8},
		{&s.activate, activate16, activate8},
		{&s.activateBack, activateBack16, activateBack8},
		{&s.plus, plus16, plus8},
		{&s.adam, adam16, adam8},
		{&s.sgd, sgd16, sgd8},
	} {
		v.pass.wide, v.pass.narrow = v.wide, v.narrow
	}
	s.addProducts.plain = addProductsFused
	return s
}
