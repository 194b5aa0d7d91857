// Package live keeps what a task of a run says while it runs: a file of lines of JSON, one
// for each step that is logged and one for each epoch. The file is for people and their
// tools; nothing that is computed depends on it.
//
// A line is written whole, and after a crash the task goes on from a checkpoint: what the
// file has of later steps, and half a line at its end, is cut off then, and comes again.
// So no step stands in it twice. It lies in a folder of the file system, for appending does
// not exist in a bucket.
//
// A Log belongs to one goroutine.
package live
