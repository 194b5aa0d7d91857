// Package synthetic draws a multi-stain kidney world: the data of the quick
// start, and the only set on which a generated stain can be held against the
// truth, since one piece of tissue can be seen in every stain.
//
// A patch is a glomerulus among tubules. It is drawn once, as the density of
// each material (nuclei, cytoplasm, membrane, ...) at every point, and then
// stained: each material absorbs light by its colour in that stain (Beer and
// Lambert), summed over the materials, with the colours, strength, thickness and
// noise of a patient and a section. Three classes differ in the glomerulus
// alone: noa (open capillary loops), ss (a part of the tuft is solid), gs (all of
// it is, shrunken).
//
// It is no model of disease: nothing learnt on it says anything about patients.
//
// Words: the *world* is all patients of a seed; the *tissue* is a patch's
// densities, on a grid of two samples a pixel each way; a *section* is the slice
// that a patch lies in. Lengths are fractions of the patch's side.
//
// Every pixel is a function of (seed, patient, index, class, stain, side) in
// Philox words and arithmetic without fusion, the same on every machine. All
// functions may be called from many goroutines.
package synthetic
