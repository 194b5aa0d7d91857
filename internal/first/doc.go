// Package first has the program run beneath itself where it is the first process, as in a
// container.
//
// For the first process of a namespace the kernel does nothing of its own: what would end any
// other, a signal that nobody hears or the abort of a crash, does not end it, and Go's runtime
// then gives up with exit code 2. That is the code of a wrong command, which a Job takes for a
// reason never to try again. And nobody else waits for processes whose parents have ended. So the
// first process does nothing but pass signals on, wait, and end as the program has; the program
// is an ordinary one. When the first process is killed the kernel kills the other with it.
package first
