package http2

import (
	"context"
	"time"
)

// Options are a connection's settings. Zero values mean what the comments say.
type Options struct {
	Streams    int  // at once; 0 means 100
	Window     int  // bytes of a request's body that may be sent ahead; 0 means 65535
	Frame      int  // bytes of a client's largest frame; 0 means 16384
	HeaderList int  // bytes of a request's head, as RFC 9113 §6.5.2 counts them; 0 means 65536
	Connect    bool // extended CONNECT (RFC 8441) is offered

	Stall time.Duration // how long a client may take nothing of what is written; 0 means 60 s
	Head  time.Duration // how long it may take for the preface; 0 means 30 s
	Idle  time.Duration // how long a connection without a stream is kept; 0: it ends with its last stream

	// Context ends when the client is to be given up; nil: never.
	Context context.Context
	// Busy is called when the first stream of an idle connection begins, and when the last has ended; nil: nobody is told.
	Busy func(bool)
	// Serve answers the request of a stream, in a goroutine of its own. It is over when Serve returns.
	Serve func(*Stream)
}

const (
	defaultStreams    = 100
	defaultWindow     = 65535 // also what every stream and connection begins with (RFC 9113 §6.9.2)
	defaultFrame      = 16 << 10
	defaultHeaderList = 64 << 10
	connWindow        = 1 << 20 // of all request bodies together
	maxOut            = 256 << 10
	keptOut           = 16 << 10
	byeTime           = time.Second // for the client to answer the first GOAWAY
	maxWindow         = 1<<31 - 1
	tableSize         = 4096     // of HPACK, in both directions
	writeFrame        = 16 << 10 // what every client takes (RFC 9113 §4.2)
)

func (o Options) withDefaults() Options {
	set := func(n *int, to int) {
		if *n == 0 {
			*n = to
		}
	}
	set(&o.Streams, defaultStreams)
	set(&o.Window, defaultWindow)
	set(&o.Frame, defaultFrame)
	set(&o.HeaderList, defaultHeaderList)
	if o.Stall == 0 {
		o.Stall = 60 * time.Second
	}
	if o.Head == 0 {
		o.Head = 30 * time.Second
	}
	if o.Context == nil {
		o.Context = context.Background()
	}
	if o.Busy == nil {
		o.Busy = func(bool) {}
	}
	return o
}
