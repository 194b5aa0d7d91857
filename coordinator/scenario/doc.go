// Package scenario runs golden text scenarios over the real state: a file reads
// like a lesson, one verb a line, and holds what came of it. It is for the tests
// of the state and of the scheduler.
//
// A file is blocks. A block is comments and verbs, then "----", then what the
// verbs said, up to an empty line. With the flag -rewrite the answers are written
// anew; then read the diff.
//
// A verb is a word, then plain words and name=value. The verbs are in verbs.go
// (each makes one entry of the log), show.go (which prints), and those that a test
// adds.
package scenario
