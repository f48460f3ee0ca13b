package front

import (
	"cmp"
	"time"
)

// WebSocketOptions are the settings of WebSockets. Zero values mean what the comments say.
type WebSocketOptions struct {
	MaxMessage  int64         // bytes of a message of a client's; 0 means 1 MiB
	PingEvery   time.Duration // how often a client is pinged; 0 means 20 s, less: never
	PingTimeout time.Duration // how long after a ping a client may say nothing; 0 means 20 s
	Plain       bool          // nothing is compressed
}

func (o WebSocketOptions) withDefaults() WebSocketOptions {
	o.MaxMessage = cmp.Or(o.MaxMessage, 1<<20)
	o.PingEvery = cmp.Or(o.PingEvery, 20*time.Second)
	o.PingTimeout = cmp.Or(o.PingTimeout, 20*time.Second)
	return o
}
