// Package gangport is the one port on which a worker is reached by the other workers of its
// gangs, though each of its tasks runs in a process of its own: who dials says first which
// task the connection is for, and the connection is handed to whoever takes that task's.
//
//	who dials                               port of a worker
//	  | preface: magic, version, task           |  read within a deadline
//	  | <----------------------------- wait  ---|  now and then, while no run of the task is here
//	  | <----------------------------- go    ---|  the run has it: nothing more is said here
//	  | TLS, HTTP/2, calls                      |  by the run itself
//
// The preface is before any encryption and says what anybody on the network may know: the
// run checks who has come, as if it had listened itself. So the port believes nothing,
// remembers nothing, and bounds how many wait and for how long.
//
// While the port says wait, its worker lives: its coordinator has not told it of the task
// yet, or the process of the run begins. A worker that has died refuses, or breaks off, at
// once, so that it is missed at once.
package gangport
