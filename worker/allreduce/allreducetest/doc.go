// Package allreducetest is what every link has to pass: exchanges over it end in the bits
// of one device, whatever the gang, and when a process dies or sends what it should not,
// all others say so and name it.
package allreducetest
