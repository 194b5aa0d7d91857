// Package field reads the tags of struct fields. A field of a task or of a spec is
// described once, where it is declared, and everything that has to know of it asks
// here: reading, defaults, ranges, the canonical encoding, JSON, names, the schema and
// the reference.
//
// Tags:
//
//   - yaml, or else json: its name. json is its name in a stored task.
//   - f: its number in the canonical encoding, never used again. On an embedded struct:
//     where the numbers of its fields begin. "7,signed" is an integer that may be negative.
//   - default: its value where a spec says nothing, in the spec's words.
//   - was: what programs did before the field was there. At this value it is left out of
//     keys, of stored tasks and of the hash of a spec, so that they stay as they were.
//   - level: of the first programs that know the field. Older ones cannot read what has it
//     with another value than was.
//   - rule: what values it takes (Rules).
//   - word: a word that stands for a number: "all=-1".
//   - key: which keys it enters by way of the data's fingerprint, of P, F and E; of what
//     stands in a task, the table finds that out by itself.
//   - unit, doc: for readers.
//
// The tags whole, names, dots and unwritten are a spec's own. There are no others, no other
// kinds of rule and no other options: tags are a part of the program, and one that is wrong
// stops it when its struct is first described.
//
// Structs that are embedded count as their fields. The package knows nothing of tasks and
// specs; its functions may be called from many goroutines.
package field
