package main

import (
	"math"
	"time"

	"github.com/kirin-server/kirin/internal/config"
	"github.com/kirin-server/kirin/internal/front"
)

// webSocketOptions are the front's for WebSockets, where zero values are the defaults.
func webSocketOptions(w config.WebSockets) front.WebSocketOptions {
	o := front.WebSocketOptions{
		MaxMessage: int64(w.WSMaxSize), PingEvery: w.WSPingInterval, PingTimeout: max(w.WSPingTimeout, time.Second), Plain: !w.WSDeflate,
	}
	if o.MaxMessage == 0 {
		o.MaxMessage = math.MaxInt32
	}
	if o.PingEvery == 0 {
		o.PingEvery = -1
	}
	return o
}
