package config

var tlsSettings = []*Setting{
	{
		Name: "keyfile", Section: "SSL", Long: []string{"keyfile"}, Kind: List, Default: []string{}, Meta: "FILE", State: Implemented,
		Help: "private key for TLS, in PEM form; when it is not given, it is in certfile; may be given several times, one for each certfile",
	},
	{
		Name: "certfile", Section: "SSL", Long: []string{"certfile"}, Kind: List, Default: []string{}, Meta: "FILE", State: Implemented,
		Help: "certificate for TLS with its chain, in PEM form; given several times, the client's choice of a name chooses",
	},
	{
		Name: "ssl_version", Section: "SSL", Long: []string{"ssl-version"}, Kind: Int, Default: 2, Shown: "2 (PROTOCOL_TLS)", Meta: "INT",
		before: anyVersion,
		Help:   "TLS version",
		State:  Implemented, Inert: true,
		Note: "Gunicorn ignores it too; see tls_min_version",
	},
	{
		Name: "cert_reqs", Section: "SSL", Long: []string{"cert-reqs"}, Kind: Int, Default: 0, Meta: "INT", State: Implemented, check: checkCertReqs,
		Help: "whether clients must have a certificate: 0 no, 1 if they have one, 2 yes",
	},
	{
		Name: "ca_certs", Section: "SSL", Long: []string{"ca-certs"}, Kind: String, Meta: "FILE", State: Implemented,
		Help: "certificates of the authorities that clients' certificates are checked against",
	},
	{
		Name: "suppress_ragged_eofs", Section: "SSL", Long: []string{"suppress-ragged-eofs"}, Kind: Bool, Default: true, State: Implemented,
		Help: "accepted and without effect: a client that ends TLS without saying so is no error",
	},
	{
		Name: "do_handshake_on_connect", Section: "SSL", Long: []string{"do-handshake-on-connect"}, Kind: Bool, Default: false, State: Implemented,
		Help: "accepted and without effect: the handshake begins when a client connects, and has 10 seconds",
	},
	{
		Name: "ciphers", Section: "SSL", Long: []string{"ciphers"}, Kind: String, Meta: "LIST", State: Implemented, check: checkCiphers,
		Help: "cipher suites of TLS 1.2, in OpenSSL's form; those of TLS 1.3, and the order, are Go's own",
	},
	{
		Name: "tls_min_version", Section: "SSL", Long: []string{"tls-min-version"}, Kind: String, Default: "1.2", Meta: "VERSION", State: Implemented,
		Choices: []string{"1.2", "1.3"},
		Help:    "oldest version of TLS that clients may use",
	},
	{
		Name: "hsts", Section: "SSL", Long: []string{"hsts"}, Kind: Int, Default: 0, Meta: "SECONDS", State: Implemented,
		Help: "how long browsers are to use https only (Strict-Transport-Security), told in answers over https; 0: nothing is told",
	},
	{
		Name: "https_redirect", Section: "SSL", Long: []string{"https-redirect"}, Kind: Int, Default: 0, Meta: "PORT", State: Implemented, check: checkPort,
		Help: "redirect requests over plain http to https at this port, but those below /.well-known/acme-challenge/; 0: no",
	},
}

var http2Settings = []*Setting{
	{
		Name: "http_protocols", Section: "HTTP/2", Long: []string{"http-protocols"}, Kind: CommaList, Default: []string{"h2", "h1"}, Meta: "LIST", State: Implemented,
		check: checkProtocols,
		Help:  "HTTP versions that clients may choose over TLS, in the order of preference, with commas: h1, h2",
	},
	{
		Name: "http2_cleartext", Section: "HTTP/2", Long: []string{"http2-cleartext"}, Kind: String, Default: "off", Meta: "MODE", State: Implemented,
		Choices: []string{"off", "prior-knowledge", "upgrade", "both"},
		Help:    "HTTP/2 without TLS, for clients that begin with it (prior-knowledge, both); an Upgrade to it is passed over",
	},
	{
		Name: "http2_max_concurrent_streams", Section: "HTTP/2", Long: []string{"http2-max-concurrent-streams"}, Kind: Int, Default: 100, Meta: "INT", State: Implemented,
		check: atLeast(1, 1<<16),
		Help:  "most streams of one connection at once",
	},
	{
		Name: "http2_initial_window_size", Section: "HTTP/2", Long: []string{"http2-initial-window-size"}, Kind: Int, Default: 65535, Meta: "BYTES", State: Implemented,
		check: atLeast(1024, 1<<24),
		Help:  "how much of a request's body a client may send ahead",
	},
	{
		Name: "http2_max_frame_size", Section: "HTTP/2", Long: []string{"http2-max-frame-size"}, Kind: Int, Default: 16384, Meta: "BYTES", State: Implemented,
		check: atLeast(1<<14, 1<<24-1),
		Help:  "largest frame that a client may send",
	},
	{
		Name: "http2_max_header_list_size", Section: "HTTP/2", Long: []string{"http2-max-header-list-size"}, Kind: Int, Default: 65536, Meta: "BYTES", State: Implemented,
		check: atLeast(1024, 1<<24),
		Help:  "largest head of a request after decompression",
	},
}
