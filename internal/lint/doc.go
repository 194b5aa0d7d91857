// Package lint holds the rules of the house that a compiler does not know, as
// tests: which package may import which, where clocks and randomness are
// forbidden, the sizes of files and functions, and arithmetic that a compiler
// could fuse. It has no code of its own.
package lint
