// Package atomicfile writes files whole or not at all: what a kill, a full disk or
// an error leaves under a file's name is what was there before.
//
// A file is written beside its target, under a temporary name, and renamed. The
// writer holds a lock on it, which ends with the process, so that Sweep can tell
// what killed writers left from what others are writing. Links are followed and
// stay links, and a file that is replaced gives its permissions to the new one. What
// is no regular file (a terminal, a pipe, /dev/null, /dev/stdout) is written to as it
// is, for nothing can take its place.
//
// A File is for one goroutine. Any number of processes may write the same target: each
// leaves a whole file, and the last one stays.
package atomicfile
