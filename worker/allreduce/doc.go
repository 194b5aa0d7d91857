// Package allreduce adds up what the devices of a gang have computed of one step, in any
// number of processes, so that the sums have the bits of one device that computes it all.
//
// A gang trains one model on a batch that is cut in shards. A sum over the batch is a
// binary tree over the shards; whoever holds a node of it holds a sum that nobody else's
// order of work can change. A member holds one node; members of a process add theirs in
// memory, processes exchange what is left over links (Link): each finishes the tree for a
// part of the elements and tells the others. DESIGN.md draws and costs it.
//
// It knows no devices but their State, and no tasks but the name of a session. It does not
// decide who is in a gang, and does not survive the loss of one: the exchange ends with an
// error that names it, nothing of the step has been applied, and a new session begins.
//
// A Member belongs to a goroutine; a Group may be closed, and asked, from any.
package allreduce
