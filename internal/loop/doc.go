// Package loop is an event loop on epoll(7), for servers whose connections are many and whose exchanges are short. It is for Linux.
//
// One goroutine, in [Loop.Run], does everything: it waits for descriptors and timers and calls those whom they concern. What is called
// there must not block. Functions and methods are to be called on the loop, that is by what Run calls, unless their comment says
// that any goroutine may; [Loop.Post] gets a function from anywhere onto the loop.
//
// The runtime's own poller would do the same with one goroutine a connection; this package exists because that costs several times
// what the system calls do. Its calls are raw, which is right for calls that do not wait: the scheduler is told only of the one that does.
//
// Descriptors are watched edge-triggered: an event says that something has changed, and whoever gets it reads or writes until
// EAGAIN, or until less came than was asked for. A [Conn] is a client's connection; what cannot be done without waiting is done by a goroutine
// that the connection is lent to, for which it is a net.Conn.
package loop
