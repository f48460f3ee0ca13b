// Package rights is for commands that root runs: it says who may write what they are about to read or execute, and does
// that as this user, in a process or thread that has no more rights than this user has, bounded in time and size.
//
// Nothing here changes anything for a process that is not root.
package rights
