// Package raftnode keeps a replica of the coordinator's state: a raft log on disk,
// the state it makes, and one TLS port for the other replicas and for the API.
// Node implements replica.Replica and replica.Members. DESIGN.md says which losses
// it guards against, and how.
//
// It is not a service: who may do what is for server to decide.
//
// Words:
//
//   - A birth is a random number that a data folder gets when it is made. A member
//     is a name with a birth: a disk that was wiped is somebody else, whatever it
//     calls itself.
//   - A cluster is known by the hash of the members that founded it.
//   - A batch is the commands that one entry of the raft log carries.
//   - A leadership is the time in which this node leads and has applied all before it.
//   - To fail is to stop for good, with an error that says why: Done and Err.
//
// A Node may be used from any number of goroutines.
package raftnode
