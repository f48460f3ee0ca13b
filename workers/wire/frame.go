package wire

import (
	"encoding/binary"
	"os"
)

// Version is the protocol's version, which HELLO carries.
const Version = 1

// A Type says what a frame is.
type Type uint8

// The frame types of version 1.
const (
	TypeHello    Type = 1 + iota // worker to front: who it is, what it takes
	TypeRequest                  // front to worker: a batch of requests
	TypeResponse                 // worker to front: a batch of answers
	TypeCancel                   // front to worker: ids that nobody waits for
	TypeDrain                    // front to worker: finish and go
	TypeStatus                   // worker to front: what changed
	TypeMessages                 // both ways: a batch of what is said of WebSockets
)

const (
	// HeaderSize is the length of a frame's header in bytes.
	HeaderSize = 8
	// MaxDescriptors is how many descriptors one frame may carry.
	MaxDescriptors = 64
	// MaxFromFront and MaxFromWorker bound a frame's payload in bytes.
	MaxFromFront  = 16 << 20
	MaxFromWorker = 4 << 20
)

// A Frame is one message. Payload is valid until the next read from the same connection; Files belong to the receiver.
type Frame struct {
	Type    Type
	Payload []byte
	Files   []*os.File
}

// Discard closes the frame's descriptors.
func (f *Frame) Discard() {
	for _, file := range f.Files {
		file.Close()
	}
	f.Files = nil
}

// BeginFrame appends room for a header; what is appended after it is the payload. [EndFrame] fills the header in.
func BeginFrame(b []byte) []byte { return append(b, 0, 0, 0, 0, 0, 0, 0, 0) }

// EndFrame writes the header of the frame that begins at b[at:] and ends with b.
func EndFrame(b []byte, at int, t Type, descriptors int) []byte {
	binary.LittleEndian.PutUint32(b[at:], uint32(len(b)-at-HeaderSize))
	b[at+4] = byte(t)
	b[at+5] = byte(descriptors)
	return b
}

type header struct {
	length      int
	typ         Type
	descriptors int
}

func parseHeader(b []byte, limit int) (header, error) {
	h := header{int(binary.LittleEndian.Uint32(b)), Type(b[4]), int(b[5])}
	switch {
	case h.length > limit:
		return h, protocolErrorf("a frame of %d bytes, above the limit of %d", h.length, limit)
	case h.descriptors > MaxDescriptors:
		return h, protocolErrorf("a frame with %d descriptors, above the limit of %d", h.descriptors, MaxDescriptors)
	case b[6] != 0 || b[7] != 0:
		return h, protocolErrorf("reserved bytes of a header are not zero")
	}
	return h, nil
}
