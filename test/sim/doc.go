// Package sim is one world of discrete events in which the coordinator's real state
// and scheduler meet the workers' real cores (worker/agent.Core), over a network that
// delays, parts and breaks, while processes die, stop and are replaced, hosts slow down,
// leaders change and clocks jump. Nothing in it waits: an hour of a hundred slots takes
// a second, and a seed gives the same hour again, byte for byte.
//
// Real are: state, its snapshots and the bytes of its log; the scheduler's plans; and
// all that a worker decides, from its lease to the order of its reports. Modelled, each
// in a file, are what surrounds them:
//
//	world    the world's times, and how a seed becomes one
//	events   what will happen, by time
//	journal  the log: every entry, applied to the state and to a replica
//	network  sessions: streams that keep their order, or break
//	leader   a leadership, as coordinator/server has it
//	worker   a process with its loop and its clock, as worker/agent has them
//	runs     what really runs in a process, and what is saved of it
//	gang     how members of a gang meet, train together and suspect each other
//	load     what people ask for
//	holds    experiments that take no slots for a while
//	faults   what goes wrong
//	checks   what must never be
//	fair     nor: that somebody waits for those with less right
//	hints    what workers report of what they have left
//	sabotage rules that are broken on purpose, to see that checks find it
//
// All of it is in test files, since nothing else may import both sides.
//
// To add a fault: a line in the table of faults_test.go. It is given a node and changes
// it, its process or its wire, and has that end by itself; what lasts is ended by heal.
// TestWorlds fails if it never happens.
//
// To add an invariant: a function in checks_test.go that calls world.fail, called from
// where it could first be seen; or a line in verdict, if it is about the end. Then break
// what it holds by a line in sabotage_test.go, and see that it is found.
//
// To add to what a worker is told or tells: the message is a function given to
// session.send, which happens at the other end. Every word that reaches a process goes
// through process.handle, so that it waits while the process is stopped.
//
// A world that fails says how to play it again; to see it happen, print from
// world.apply and process.handle.
package sim
