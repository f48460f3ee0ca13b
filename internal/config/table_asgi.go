package config

// asgiSettings are those of ASGI applications that Gunicorn has not; uvicorn's flags have the same names.
var asgiSettings = []*Setting{
	{
		Name: "ws_max_size", Section: "kirin", Long: []string{"ws-max-size"}, Kind: Int, Default: 1 << 20, Meta: "BYTES", State: Implemented,
		Help: "longest message that a client of a WebSocket may send, a longer one ends it with 1009; 0: no limit but 2 GiB",
	},
	{
		Name: "ws_ping_interval", Section: "kirin", Long: []string{"ws-ping-interval"}, Kind: Int, Default: 20, Meta: "SECONDS", State: Implemented,
		Help: "how often the client of a WebSocket is pinged; 0: never",
	},
	{
		Name: "ws_ping_timeout", Section: "kirin", Long: []string{"ws-ping-timeout"}, Kind: Int, Default: 20, Meta: "SECONDS", State: Implemented,
		Help: "how long a client that was pinged may say nothing before its WebSocket is given up",
	},
	{
		Name: "ws_per_message_deflate", Section: "kirin", Long: []string{"ws-per-message-deflate"}, Kind: String, Default: "on", Meta: "WORD",
		State: Implemented, Choices: []string{"on", "off"},
		Help: "whether WebSockets are compressed whose clients offer it",
	},
}
