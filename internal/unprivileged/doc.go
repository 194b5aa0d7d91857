// Package unprivileged has tests do things as a user who may not do everything: what is
// protected from others is open to root, as which continuous integration often runs.
package unprivileged
