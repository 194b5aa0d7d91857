// Command codegen writes what follows from the tags of the log's commands and of the
// state's records: their codecs, levels, limits, words for the audit, and the dispatch to
// the state's rules. It reads the source of both packages, and of nothing else.
//
//	go run ./coordinator/internal/codegen coordinator
//
// A command is a struct of package command with a line above it:
//
//	//log:command 8 level=4 verb="cancel" subject=Experiment
//
// its number in the log, the level of the release that brought it (if not the first), and
// what the audit says of it: a verb, in which {Field} stands for text of the command, and
// the field that names its subject ("A|B": the first of them that is set). Its rule is
// the method of state.State of its name, which begins in lower case.
//
// Tags of its fields, and of those of structs that stand in it:
//
//   - f: the number in the encoding. "3,fixed": a number of 8 bytes, whatever its size.
//     "5,flat": a struct whose fields are the struct's that it stands in, numbered from 5
//     on. Without that a struct is a message of its own.
//   - level: of the first release that has the field.
//   - rule: limits, which Encode and Decode refuse to pass: "id" (text that is not empty),
//     "min=1", "max=MaxSlots" (of a number, of the items of a list, of the bytes of a
//     text), "rising" or "rising=Field" (a list without repeats, sorted). Any text has at
//     most MaxText bytes, any int 32 bits, and any list the rule max.
//   - name: what refusals call it, if that is not the field's name.
//
// A record is a struct of package state in which a field has a number. Each of its fields
// has a tag f then: a number, with ",flat" as above, or "-" for what is not written. What
// is written only while a field of the record is false is tagged unless.
//
// Numbers are for ever: they stand in logs, snapshots and backups.
package main
