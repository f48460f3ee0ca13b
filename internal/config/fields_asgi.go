package config

import "time"

// WebSockets are the settings of ASGI's WebSockets.
type WebSockets struct {
	WSMaxSize      int           // bytes of a client's message; 0: no limit but the wire's
	WSPingInterval time.Duration // 0: no pings
	WSPingTimeout  time.Duration
	WSDeflate      bool
}

func (m *merge) webSockets() WebSockets {
	return WebSockets{
		WSMaxSize: m.number("ws_max_size"), WSPingInterval: m.seconds("ws_ping_interval"), WSPingTimeout: m.seconds("ws_ping_timeout"),
		WSDeflate: m.text("ws_per_message_deflate") == "on",
	}
}
