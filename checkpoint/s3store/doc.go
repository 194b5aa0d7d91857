// Package s3store keeps objects in a bucket of S3, or of a server that speaks it: it is a
// store.Store, and the one place that knows the protocol. It knows nothing of what the
// objects mean.
//
//	s3://BUCKET/PREFIX/<key>    one object
//	s3://BUCKET/PREFIX/.store   left by the first who opened the store for writing
//
// What is small goes in one PUT, what is large in parts side by side; an object appears
// whole when its PUT, or the completion of its parts, is answered. Every request carries a
// CRC-32C that the server compares, and over plain HTTP the SHA-256 of its body too; what
// is read is checked against the CRC-32C where it is read whole in one request. Requests
// that fail for a reason that may pass are sent again, one by one: a part that is lost
// costs a part (package retry).
//
// It has no locks: writers are idempotent, and savers and deleters tell each other
// (DESIGN.md, and checkpoint/deleting.go).
//
// A Store may be used by many goroutines, and a bucket by many Stores on many hosts.
package s3store
