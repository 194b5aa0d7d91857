// Package api holds what the parts of G2C say to each other about work: the
// canonical description of one task, its key, and the wrapper that carries what
// a key must not depend on. It is pure: no input or output, no clock, no
// defaults, no specs. Turning a spec into tasks is experiments/sweep's job.
//
// Words:
//
//   - A Task is everything that decides the numbers of one piece of training or
//     evaluation: hyper-parameters in normal form, fingerprints of its data, keys
//     of its inputs, and the numerics class that computes it.
//   - A Key is the SHA-256 of the task's canonical encoding (encoding.go). Equal
//     keys are one task, whoever asks for it.
//   - Where says how to open the data (paths, patterns, columns). It travels with
//     the task, outside its key: the fingerprint already pins the pixels.
//   - A Work is a task with its names, its Where, and how to run it.
//
// Values are plain data without locks; share them between goroutines only
// unchanged.
package api
