// Package search proposes the trials of a search over hyper-parameters. It is pure: it knows
// parameters by their ranges and trials by their scores, and opens, runs and remembers
// nothing. What it proposes is a function of the search and of the scores of complete
// rounds, in whatever order they are given, so that a search that is begun again proposes
// the same trials.
//
// Words:
//
//   - A configuration is a value of every parameter; a trial is a configuration on a rung.
//   - A round is the trials that are proposed at once. None of them knows of another's
//     score.
//   - A rung is a part of the whole training that trials get; only halving has several.
package search
