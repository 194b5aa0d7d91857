// Package report turns what the tasks of an experiment left in a store into
// pages and tables: results.json and results.csv for programs, figures, and one
// HTML page that opens without a network. It trains nothing, judges no image
// anew, and reads no clock: what it writes is a function of the store and the
// plan.
//
// Words:
//
//   - A row (Arm in results.json) is one arm at one point of the sweep for one
//     task of the spec: a fine-tuning with its evaluation. An item that several
//     arms share has a row for each.
//   - A group is the rows that differ in the seed alone: the unit of means,
//     intervals and figures.
//   - The baseline is the first arm without generated stains, or else the first
//     arm; every other group is compared with the baseline's group of the same
//     task, depth and options.
//   - Rescued examples are test patches that the baseline gets wrong and the
//     compared arm, of the same seed, right; lost ones are the reverse.
//
// Collect reads, Write writes; a Data is plain data between them. It may be
// read by many goroutines, and is not to be changed while it is being written.
package report
