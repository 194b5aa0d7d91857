// Package clock tells how much time has passed, whatever happens to the date: what
// leases are counted with.
package clock
