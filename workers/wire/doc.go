// Package wire is the protocol between a front and a worker: frames on a Unix stream socket, whose payloads are
// objects in a small part of Python's marshal format, version 2, with descriptors beside them. docs/protocol.md
// specifies it byte by byte.
//
// The package has both directions, so that a test (or a worker written in Go) can play either side; [Pair] gives two
// connected ends. Everything that is decoded is treated as hostile: a malformed payload is an error of type
// [*ProtocolError], never a panic and never an allocation larger than the payload itself.
package wire
