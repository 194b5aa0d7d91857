// Package journal keeps what a replica must not forget: the entries of its log,
// its votes, and a high-water mark of how far the log once reached. It exists
// because a log that loses or changes an entry without saying so makes a majority of
// liars: each entry has its checksum, all are checked when a journal is opened and
// again when they are read, and a log that ends before its high-water mark is refused.
//
// It is not a database: entries are appended, read by index, and dropped at both
// ends.
//
//	dir/log-00000000000000000001    segments, named by their first index
//	dir/mark                        how far the log reached, and the snapshot it needs
//	dir/votes                       the term, and for whom this replica voted in it
//
// A failed write or sync breaks a journal for good: nobody knows what the disk
// holds then. It says so once to Options.Failed, and to every later caller.
//
// Reading may go on from any number of goroutines while one writes.
package journal

import "errors"

var (
	// ErrCorrupt is a file whose bytes are not what was written.
	ErrCorrupt = errors.New("damaged on disk")
	// ErrLost is a log that ends before what it once held.
	ErrLost = errors.New("entries are missing from the disk")
	// ErrBroken is a journal after a failed write.
	ErrBroken = errors.New("log is closed after a failed write")
)
