// Package fmath holds the elementary functions whose bits reach results: Exp,
// Log, Log1p, Tanh, Sigmoid, Sin, Cos, Atan and Atan2 in float64. The standard library's
// switch on CPU features and its compiler may fuse x*y+z, so their last bit
// depends on the machine; these are plain Go in which every product is rounded
// on its own (the explicit float64 conversions), and so give the same bits
// everywhere. Errors stay below 1.1 units in the last place, Sigmoid's below 2.
//
// It is not a replacement for math: exact functions (Sqrt, Floor, Abs, Ldexp)
// are taken from there.
//
// Words: an argument is *reduced* to a small interval, where a *kernel*
// polynomial is evaluated. All functions are pure and safe for concurrent use.
package fmath
