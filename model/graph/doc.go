// Package graph is the bridge to gorgonia: networks are written once as gorgonia
// expression graphs of our own operations, gorgonia.Backpropagate derives the
// backward graph, and Compile turns both into a kernels.Program.
//
// gorgonia gives the graph and the differentiation; its operations, machines and
// memory are not used. The package runs nothing and knows no backend.
//
// # Words
//
// A Value is a node with the type that kernels see. A slot is a named input,
// bound to the State. A parameter is a slot seen through the shard axis:
// Replicate lends one copy of it to each logical shard (no memory moves), so that
// every gradient by it is one partial per shard, and Replicate's own gradient is
// the tree sum over shards. A rule is an operation's gradient, written with the
// same operations.
//
// A part of the shards has a graph of its own, BuildPart's: the same operations on
// fewer samples. Sums keep the whole's order of terms, which goes by shapes too.
//
// # Node sharing
//
// gorgonia merges nodes by a 32-bit hash and compares too little to notice a
// collision. The Builder therefore shares nodes itself, by exact key, gives every
// operation a serial number as its hash, and checks each node it gets back;
// sums that gorgonia adds while differentiating are checked against the terms
// that the rules returned.
//
// # Concurrency
//
// A Builder belongs to one goroutine. Builders share nothing.
package graph
