// Package dataset turns folders and tables of microscope images into sets of
// 8-bit RGB pixels of one size, with labels, groups and splits, ready for the
// training step. It lists, decodes, fits, caches, groups, splits, fingerprints
// and summarises; crops, flips and jitter happen later, in the step.
//
// It is not a feeder (a step reads Set.Pixels itself) and holds nothing of the
// spec's syntax: callers fill Options and Labelled.
//
// Words: a *set* is images of one side in a fixed order; a *name* is an image's
// path below the folder that was named, with slashes; a *label* is its class; a
// *group* is what must stay on one side of a split (a patient, or a slide where
// patients are unknown); *fit* is how an image of another size is treated; the
// *fingerprint* identifies a set by its pixels.
//
// A Set does not change once made and may be read from many goroutines. Loading
// decodes in parallel, yet sets, reports and errors are the same for any number
// of threads. Every error of user data is a fault.ErrData that names the file.
package dataset
