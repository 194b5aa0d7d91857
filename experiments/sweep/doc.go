// Package sweep turns a spec into the tasks that carry it out. It is pure: data
// is known by fingerprints that the caller supplies, and nothing is opened, run
// or remembered.
//
// Words:
//
//   - A request is one variant of the spec (an arm at a point of the sweep)
//     asking for a task: a generator per stain, a fine-tuning and an evaluation
//     per task of the spec.
//   - An item is one task of the plan. Requests with equal keys are one item, so
//     8 sets of stains at 4 depths ask for 48 generators and train 12.
//   - A name is what a request calls its task, unique in an experiment. An item
//     has as many names as its requests have given it, usually one.
//
// A Plan is plain data, not safe for concurrent writing.
package sweep
