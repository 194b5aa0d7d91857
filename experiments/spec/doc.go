// Package spec reads an experiment's spec: strict YAML (JSON is YAML) with
// defaults, arms and a sweep, into one complete Spec per variant. Whatever is
// unknown, of the wrong type or impossible is a fault.ErrSpec that names file,
// line, column and the nearest right name. The package is pure: callers hand it
// bytes. It knows nothing of tasks and keys: experiments/sweep expands variants.
//
// Words:
//
//   - A path is a field's name from the root, parts joined by dots:
//     finetune.freezeEpochs. Arms, the sweep and --set edit a spec by path, all
//     three through set (tree.go): mappings merge, anything else replaces ({} empties).
//   - An arm is a named set of stains with such edits. A sweep axis is a path
//     with a list of values. A variant is the spec of one arm at one point of
//     the sweep, with nothing left to fill in.
//   - A node is a piece of the document with its position, so that an error in an
//     arm's override points at the arm.
//
// Reading follows three steps: text to nodes (read.go), nodes edited per variant
// (tree.go, variants.go), nodes to Spec (decode.go) and checked as a whole
// (check.go). The fields are a table (types.go, table.go), of which the schema and the
// reference in docs/spec.md are made too. Values are not safe for concurrent writing; a File does not change
// after Parse.
package spec

//go:generate go run ./reference -docs ../../docs
