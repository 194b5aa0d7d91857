// Package authentic looks at the generators of a fine-tuning as they were pretrained and as
// joint training left them: what both make of the same images, and how that compares with the
// stain they are to make. The classifier's loss does not ask for a stain, so joint training
// can leave none; experiments/report says from these numbers whether it did.
//
// Images are compared as the bytes that would be written, and no number depends on the
// device's threads or on the batches.
package authentic
