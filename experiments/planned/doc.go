// Package planned lists what an experiment will do: its tasks in order, what they
// share, what is done, and what the rest is expected to cost. It is pure: the
// caller looks at the store and the data, and hands in what it Knows; nothing
// is guessed beyond that, and what nobody knows is shown as unknown.
//
// Words: the *rate* of a task is its seconds a step, measured on a finished task of
// the same kind and shape; the *shape* is what decides how long a step takes
// (sizes, widths, batches, numerics class), not seeds, data or learning rates.
package planned
