// Package checkpoint keeps what training must not lose: weights, resume states
// and results, in any store.Store. It knows bytes, hashes and steps, not
// networks: trainers hand it payloads, and it hands them back verified.
//
// A payload is a file, stored as an object named by its SHA-256. A manifest
// names the payloads of one task at one step; it is written after them, and
// what has a manifest is saved. A final manifest says that its task is done.
// FORMAT.md is the promise about names and bytes.
//
// A manifest holds no time, host or attempt, so two writers of one step write
// equal bytes: losing that race is success, and different bytes are a
// determinism alarm of class fault.ErrTraining. Durations are side records.
//
// Every read checks length and hash. Damage is never an error of the whole: it
// is reported as Damage, and the newest checkpoint that is whole is used.
//
// A Repo may be used by many goroutines; a Saver belongs to one.
package checkpoint
