// Package dataset turns folders and tables of microscope images into sets of
// 8-bit RGB pixels of one size, with labels, groups and splits, ready for the
// training step. It lists, decodes, fits, caches, groups, splits, fingerprints,
// judges and summarises; crops, flips and jitter happen later, in the step.
//
// It is not a feeder (a step reads Set.Pixels itself) and holds nothing of the
// spec's syntax: callers fill Options and Labelled.
//
// Words: a *set* is images of one side in a fixed order; a *name* is an image's
// path below the folder that was named, with slashes, in Unicode's composed form
// (NFC), as are labels and groups; a *source* is one folder, glob or table that is
// named; a *label* is its class; a *group* is what must stay on one side of a split (a patient, or a slide where
// patients are unknown); *fit* is how an image of another size is treated; the
// *fingerprint* identifies a set by its pixels.
//
// Identity: the sources of one split, or of one stain, give each image once, whichever
// of them reach it. Where two of them hold equal names, all images of that split have
// their source's place before the name, @1/name, @2/name. A name that is no UTF-8 is
// refused.
//
// Reading: a folder is walked to any depth, each real folder once, links last (walker); what
// systems leave is no data (internal/residue). An image is decoded by what its bytes are
// (internal/filekind), turned upright, and laid on white; what was done to it is its Kind.
// dataset/tiff reads TIFF. What is damaged beside the pixels alone is passed over; whatever
// may hide pixels, as several pages do, is refused by name.
//
// The gate: LoadLabelled makes a Verdict of every labelled set, and refuses one with an
// error in it. Patients are compared between every two splits, and equal pixels between
// splits and between labels, whatever each part is grouped by.
//
// A Set does not change once made and may be read from many goroutines. Loading
// decodes in parallel, yet sets, reports and errors are the same for any number
// of threads. Every error of user data is a fault.ErrData that names the file.
package dataset
