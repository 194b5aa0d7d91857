// Package pki is who may speak to whom: a small certificate authority, and the
// TLS settings of servers and clients. A certificate carries one identity as a
// URI, g2c://role/name, and what a peer may do follows from it, never from its
// address.
//
// A folder of an authority holds ca.crt and ca.key. A folder of an identity holds
//
//	ca.crt        the authorities it believes; several while one replaces another
//	identity.pem  its certificate and its key, in one file so that no reader sees
//	              a pair that does not fit
//
// Hosts stand in certificates for programs that check them (curl, Prometheus).
// Ours check role and name.
//
// Revoking is the cluster's: it keeps the serial numbers that it does not believe
// any more. Both files
// can be replaced while a process runs; connections that are open outlive the
// certificate they began with, so servers ask Peer.Check on every call.
//
// An Identity may be used from any number of goroutines.
package pki
