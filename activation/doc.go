// Package activation is what a process and its service manager say to each
// other: the listening sockets that are handed over at the start, the messages
// of sd_notify(3), the watchdog, and the hand-over of the sockets to a newer
// copy of the same program.
//
// Nothing here needs systemd to be there. A process that was handed nothing
// gets no sockets, and a message that nobody waits for is not sent; neither is
// an error.
//
// # Sockets
//
// [Sockets] takes what sd_listen_fds(3) describes. github.com/coreos/go-systemd
// does the taking and is used for it; added here is what it lacks: a word about a
// variable that makes no sense or a descriptor that is not open, a check that each
// descriptor is a stream socket that listens (its Listeners leaves nil in the place
// of any other), and the sockets of a predecessor, which appear by the same call.
//
// # Messages
//
// [Notifier] sends them. Of go-systemd's daemon package only the reading of
// WATCHDOG_USEC is used: its sender has no descriptors, so neither FDSTORE=1 nor
// BARRIER=1 can be sent, and no bound on how long it waits.
//
// # Hand-over
//
// A [Handover] starts the program that is installed now, hands it the sockets, and
// waits until it says that it serves. What can be relied on:
//
//   - There are one or two processes at any time, and at most one of them is not
//     ready. Only one hand-over runs at a time, and none begins while the predecessor
//     is still finishing.
//   - The sockets listen throughout: no connection is refused.
//   - A successor that dies, hangs or says that it failed changes nothing: the old
//     process goes on, and knows why.
//   - A successful hand-over replaces program, arguments and settings in full.
//
// These are the promises of github.com/cloudflare/tableflip. It is not used because
// it does not tell the pid of the new process, without which MAINPID= cannot be sent,
// and because its Upgrader can exist once a process, so that it cannot be tested in
// one. Where something follows the pid of the first process (a container's pid 1, a
// terminal, supervisord), that process stays as a keeper: see [Handover.Keep].
package activation
