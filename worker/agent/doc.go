// Package agent is a worker's side of a cluster: it joins the coordinator, runs
// what it is assigned, and says what became of it. Core decides, as a function of
// what it hears and of the time; Agent surrounds it with a stream, a clock and
// an Executor.
//
// It does not train: an Executor does (worker/rehearse pretends to, worker/train
// does). It does not decide what runs where: the coordinator's scheduler does.
//
// What the coordinator's state relies on, and Core keeps (coordinator/DESIGN.md,
// "What the state expects"):
//
//  1. A generation is started at most once, and never again after it was left.
//  2. Released says that a generation and all before it have stopped here.
//  3. Started says that the generations before it have been left.
//  4. Reports are repeated until they are answered, in order, before the worker
//     looks at its record. A refusal is an answer.
//  5. Cut off, it begins nothing; what runs goes on for ten minutes at most, and is
//     reported later.
//  6. A task that is being preempted saves its state and is reported Interrupted.
//
// Words: a record is all that the coordinator expects of a worker, its assignments.
// A run is an assignment that really runs. A session is one stream to the leader.
// Heard is when the leader last answered, dated by when its question was sent, so
// that a lease never ends later here than there.
package agent
