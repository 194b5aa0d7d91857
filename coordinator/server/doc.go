// Package server is the coordinator's service: it speaks api/v1 to people, workers
// and other coordinators, over a replica of the state. It decides nothing that is
// remembered: commands do, and the scheduler; it neither keeps a log nor listens.
//
// Words:
//
//   - A leadership is the time that this coordinator leads. What lasts as long as one
//     (sessions, leases, plans) belongs to the leadership and ends with it.
//   - A session is the stream that a worker has with the leader. A lease is how long
//     the leader waits for a worker's next heartbeat before it takes it for lost.
//   - A caller is who is at the other end of a connection, by certificate; who is
//     what a caller may do here, after tokens were looked at.
//   - A journal is what a task's workers say of it that the state does not keep:
//     progress, lines and curves.
//
// Calls come from any number of goroutines. Run owns the goroutines of a leadership and
// returns when they have ended; Close waits for those of sessions.
package server
