// Package runners runs each task of a worker in a process of its own, a runner, so that a
// crash, a leak, a lost device or the end of memory takes one task and never the worker.
//
// It is two ends of one connection, a pair of sockets of which the runner inherits one:
// Executor is the worker's, and implements agent.Executor; Worker is the runner's, which
// runs an agent.Executor of its own, as a worker would that has one task.
//
//	worker (Executor)                         runner (Worker)
//	  | task: settings, number, assignment       |
//	  |                            want: slots <-|  before it opens their devices
//	  | slots: their numbers                     |
//	  |       said: lines, progress, started, suspicions, points <-|
//	  | connection, with its descriptor          |  of another worker of the gang
//	  | change: the newest assignment            |
//	  | end: save, or stop                       |
//	  |                             give: slots <-|
//	  | alive                                    |  now and then
//	  |               outcome: none, or an error <-|  the last word, and the process ends
//
// The worker keeps what is about the host and outlives tasks: its session, its lease, which
// slot is whose, the port of its gangs. The runner has what is about the task: devices, the
// store, images, certificates, the other members. Both are of one binary.
//
// Executor may be used from any goroutine. Each run has goroutines that end with it.
package runners
