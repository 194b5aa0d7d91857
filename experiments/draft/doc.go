// Package draft guesses an experiment from the folders and tables that somebody has: which
// of them are stains and which are labelled, the classes, the split, and what in the files'
// names says which patient or slide an image is of. It writes the spec of that, with a
// comment at each guess that says why and how sure it is.
//
// It looks at names, and at the pixels of a few images; whether the data are good is for
// the gate of package dataset to say. What it writes is read by experiments/spec before
// anybody sees it.
package draft
