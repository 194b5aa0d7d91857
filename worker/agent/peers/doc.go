// Package peers is how workers of one gang find each other: the services for them, where the
// connections of a worker's port (gangport) end, and a run's gang (worker/gang) over them.
//
// The coordinator says who is in a generation of a task, with addresses; that is an
// agent.Assignment. The first member hosts its meeting:
//
//	member                                first member
//	  | Meet: hello, generation 7             |  from the moment it hears of the generation
//	  | <------------- alive -------------->  |  while it loads data, or still trains as 6
//	  |                             call  <--|  once all who do not train are ready
//	  | arrived, 340 steps                    |  at the next boundary
//	  |             met: w2 has 341 steps  <--|  once all have arrived
//	  | FetchState from w2, if it is behind   |
//	  | links to all, over worker/agent/grpclink
//	  | end of the stream                     |  the exchange watches over them from now on
//
// A source that has no state to give yet sends empty parts of it, so that something comes in
// every deadline.
//
// Whoever breaks off, or says nothing for too long, is suspected: the coordinator makes the
// next generation without it, and that cancels this meeting. Members that were only cut off
// from each other meet again in the same generation, in another round.
//
// So those who join warm up while the others go on training: these stop for a step, the
// copy of the state and the loading of their programs.
//
// It trains nothing and decides nothing about who is in a gang. Calls are taken from the
// members of the generation that runs here, by the names in their certificates.
package peers
