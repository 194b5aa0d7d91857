package metrics

// CheckerWindow is the side in pixels of the windows in which CheckerEnergy looks for a
// regular pattern: wide enough that noise and texture average out, narrow enough for a
// pattern that only a part of an image has.
const CheckerWindow = 8

// CheckerEnergy is the energy at period 2 of an (H,W,3) image in [0,1]: what transposed
// convolutions of stride 2 leave behind where they draw even and odd pixels with different
// weights. Its square root is an amplitude, of the scale of pixels: an image that is a
// checkerboard, or stripes, of mid grey ± a has a². H and W are at least CheckerWindow+2.
//
// Three patterns are looked for, stripes in x, stripes in y and the checkerboard, each as
// the mean over a window of its sign (−1)^x, (−1)^y or (−1)^(x+y) times the image's second
// difference along the axes of the pattern, (2v − v₋ − v₊)/4, which leaves a pattern as it
// is and takes away everything that is constant or even across a window. The squares are
// summed over patterns, and averaged over whole windows, a pixel from the borders, and
// channels. Noise of deviation s leaves about s²/64 of each pattern.
//
// The artefact: Odena, Dumoulin and Olah, "Deconvolution and checkerboard artifacts", 2016.
func CheckerEnergy(im []float32, h, w int) float64 {
	total, windows := 0.0, 0
	for y := 1; y+CheckerWindow < h; y += CheckerWindow {
		for x := 1; x+CheckerWindow < w; x += CheckerWindow {
			for c := range 3 {
				total += checkers(im, w, y, x, c)
				windows++
			}
		}
	}
	return total / float64(windows)
}

// checkers is the energy of one window of a channel.
func checkers(im []float32, w, top, left, channel int) float64 {
	at := func(y, x int) float64 { return float64(im[3*(y*w+x)+channel]) }
	row := func(y, x int) float64 { return (float64(2*at(y, x)) - at(y, x-1) - at(y, x+1)) / 4 }
	var inX, inY, both float64
	for y := top; y < top+CheckerWindow; y++ {
		for x := left; x < left+CheckerWindow; x++ {
			here := row(y, x)
			column := (float64(2*at(y, x)) - at(y-1, x) - at(y+1, x)) / 4
			cross := (float64(2*here) - row(y-1, x) - row(y+1, x)) / 4
			signX, signY := float64(1-2*(x%2)), float64(1-2*(y%2))
			inX += float64(signX * here)
			inY += float64(signY * column)
			both += float64(signX * signY * cross)
		}
	}
	const n = CheckerWindow * CheckerWindow
	inX, inY, both = inX/n, inY/n, both/n
	return float64(inX*inX) + float64(inY*inY) + float64(both*both)
}
