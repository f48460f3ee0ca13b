package config

var tlsSettings = []*Setting{
	{
		Name: "keyfile", Section: "SSL", Long: []string{"keyfile"}, Kind: String, Meta: "FILE",
		Help: "private key for TLS",
	},
	{
		Name: "certfile", Section: "SSL", Long: []string{"certfile"}, Kind: String, Meta: "FILE",
		Help: "certificate for TLS",
	},
	{
		Name: "ssl_version", Section: "SSL", Long: []string{"ssl-version"}, Kind: Int, Default: 2, Shown: "2 (PROTOCOL_TLS)", Meta: "INT",
		Help:  "TLS version",
		State: Implemented, Inert: true,
		Note: "Gunicorn ignores it too; the lowest version is TLS 1.2",
	},
	{
		Name: "cert_reqs", Section: "SSL", Long: []string{"cert-reqs"}, Kind: Int, Default: 0, Meta: "INT",
		Help: "whether clients must have a certificate: 0 no, 1 if they have one, 2 yes",
	},
	{
		Name: "ca_certs", Section: "SSL", Long: []string{"ca-certs"}, Kind: String, Meta: "FILE",
		Help: "certificates of the authorities that clients' certificates are checked against",
	},
	{
		Name: "suppress_ragged_eofs", Section: "SSL", Long: []string{"suppress-ragged-eofs"}, Kind: Bool, Default: true,
		Help: "no error when a client ends TLS without saying so",
	},
	{
		Name: "do_handshake_on_connect", Section: "SSL", Long: []string{"do-handshake-on-connect"}, Kind: Bool, Default: false,
		Help: "TLS handshake as soon as a client connects",
	},
	{
		Name: "ciphers", Section: "SSL", Long: []string{"ciphers"}, Kind: String, Meta: "LIST",
		Help: "cipher suites, in OpenSSL's form",
	},
}

var http2Settings = []*Setting{
	{
		Name: "http_protocols", Section: "HTTP/2", Long: []string{"http-protocols"}, Kind: CommaList, Default: []string{"h1"}, Meta: "LIST",
		Help: "HTTP versions in the order of preference, with commas: h1, h2",
	},
	{
		Name: "http2_cleartext", Section: "HTTP/2", Long: []string{"http2-cleartext"}, Kind: String, Default: "off", Meta: "MODE",
		Choices: []string{"off", "prior-knowledge", "upgrade", "both"},
		Help:    "HTTP/2 without TLS",
	},
	{
		Name: "http2_max_concurrent_streams", Section: "HTTP/2", Long: []string{"http2-max-concurrent-streams"}, Kind: Int, Default: 100, Meta: "INT",
		Help: "most streams of one connection at once",
	},
	{
		Name: "http2_initial_window_size", Section: "HTTP/2", Long: []string{"http2-initial-window-size"}, Kind: Int, Default: 65535, Meta: "BYTES",
		Help: "flow-control window at the start",
	},
	{
		Name: "http2_max_frame_size", Section: "HTTP/2", Long: []string{"http2-max-frame-size"}, Kind: Int, Default: 16384, Meta: "BYTES",
		Help: "largest frame",
	},
	{
		Name: "http2_max_header_list_size", Section: "HTTP/2", Long: []string{"http2-max-header-list-size"}, Kind: Int, Default: 65536, Meta: "BYTES",
		Help: "largest header block after decompression",
	},
}
