// Package tolerance says how far a backend's result may lie from ref's: one
// table, an entry an operation, derived from the type of the elements and the
// length of the sums. kernelstest and lockstep both judge by it.
//
// It judges one operation from operands that both sides share exactly; it says
// nothing about whole steps, whose rounding errors grow without such a law.
//
// # Words
//
// u is the unit roundoff of float32. The magnitude of a result is what it would
// be had nothing cancelled: a sum of products becomes the sum of their absolute
// values. An error of a sum of n terms is held to (8 + 4√n)·u times its
// magnitude: rounding errors of a sum behave as a random walk, while one wrong or
// missing term of n shows as 1/n, far more for every n of our layers.
//
// All functions are pure and safe for concurrent use.
package tolerance
