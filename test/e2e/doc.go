// Package e2e runs the program itself as users do: real processes, real files,
// real kills. It has no code of its own.
package e2e
