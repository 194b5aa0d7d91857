// Package metrics judges predictions and generated images. It is pure: equal
// inputs give equal bits, random draws come from Philox, and a quantity that is
// not defined (the recall of a class without samples) is NaN, which JSON shows as
// null. It knows nothing of networks or files.
//
// Intervals and tests rest on Clusters: what varies is whole groups of images
// (patients, slides), not images. docs/statistics.md says how and how well.
//
// Class 0 is the positive one everywhere.
package metrics
