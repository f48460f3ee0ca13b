package config

// edgeSettings are kirin's own settings of what other servers in front are there for.
var edgeSettings = []*Setting{
	{
		Name: "limit_request_body", Section: "kirin", Long: []string{"limit-request-body"}, Kind: Int, Large: true, Default: 1 << 30, Meta: "BYTES",
		State: Implemented,
		Help:  "largest request body, in bytes; a larger one is answered 413; 0: no limit",
	},
	{
		Name: "proxy_headers", Section: "kirin", Long: []string{"proxy-headers"}, Kind: CommaList, Default: []string{}, Meta: "LIST",
		State: Implemented, check: checkProxyHeaders,
		Help: "headers by which the proxies of forwarded_allow_ips say who the client is, with commas: X-Forwarded-For, -Proto, -Host, -Port, -Prefix, or Forwarded",
	},
	{
		Name: "proxy_hops", Section: "kirin", Long: []string{"proxy-hops"}, Kind: Int, Default: 1, Meta: "INT", State: Implemented,
		Help: "how many proxies in front write those headers; 0: as many as forwarded_allow_ips has",
	},
	{
		Name: "health_path", Section: "kirin", Long: []string{"health-path"}, Kind: String, Meta: "PATH", State: Implemented, check: checkURLPath,
		Help: "a path that the front answers itself: 200 while a worker is ready, 503 otherwise and while kirin ends",
	},
	{
		Name: "health_log", Section: "kirin", Long: []string{"health-log"}, Kind: Bool, Default: false, State: Implemented,
		Help: "have requests for health_path in the access log, too",
	},
	{
		Name: "request_id_header", Section: "kirin", Long: []string{"request-id-header"}, Kind: String, Default: "X-Request-ID", Meta: "NAME",
		State: Implemented, check: checkFieldName,
		Help: "header with a request's id in the environ and the response, taken from the proxies of forwarded_allow_ips; empty: none",
	},
	{
		Name: "server_header", Section: "kirin", Long: []string{"server-header"}, Kind: String, Default: "kirin", Meta: "TEXT",
		State: Implemented, check: checkFieldValue,
		Help: "the Server field of responses, also as gunicorn.SERVER in the configuration file; empty: none",
	},
	{
		Name: "static", Section: "kirin", Long: []string{"static"}, Kind: List, Default: []string{}, Meta: "/PREFIX/=DIR", State: Implemented,
		check: checkMounts,
		Help:  "have the front serve the files of a directory below a path, such as /static/=static; may be given several times",
	},
	{
		Name: "static_max_age", Section: "kirin", Long: []string{"static-max-age"}, Kind: Int, Default: 0, Meta: "SECONDS", State: Implemented,
		Help: "how long caches may keep a static file without asking whether it is the same; 0: they always ask. A file with a hash in its name may be kept for a year",
	},
	{
		Name: "static_immutable", Section: "kirin", Long: []string{"static-immutable"}, Kind: CommaList, Default: []string{}, Meta: "LIST",
		State: Implemented, check: checkPatterns,
		Help: "patterns of URL paths, such as /static/assets/*, whose files never change, with commas",
	},
	{
		Name: "static_index", Section: "kirin", Long: []string{"static-index"}, Kind: String, Meta: "NAME", State: Implemented, check: checkFileName,
		Help: "the file that is served for a directory, such as index.html; there is none by default",
	},
	{
		Name: "static_fallthrough", Section: "kirin", Long: []string{"static-fallthrough"}, Kind: Bool, Default: false, State: Implemented,
		Help: "give a request for a static file that is not there to the application, in place of 404; it is always so below /",
	},
	{
		Name: "internal_files", Section: "kirin", Long: []string{"internal-files"}, Kind: List, Default: []string{}, Meta: "/PREFIX/=DIR",
		State: Implemented, check: checkMounts,
		Help: "let the application have files of a directory sent by X-Accel-Redirect: /PREFIX/NAME, or X-Sendfile: DIR/NAME; may be given several times",
	},
	{
		Name: "permit_connect", Section: "kirin", Long: []string{"permit-connect"}, Kind: Bool, Default: false, State: Implemented,
		Help: "give CONNECT, by which a client asks for a tunnel, to the application, in place of 405",
	},
	{
		Name: "compress", Section: "kirin", Long: []string{"compress"}, Kind: CommaList, Default: []string{}, Meta: "LIST", State: Implemented,
		check: checkCodings,
		Help:  "compress the application's responses by these codings, with commas, the preferred one first: br, zstd, gzip; see docs/compression.md on secrets in pages",
	},
	{
		Name: "compress_types", Section: "kirin", Long: []string{"compress-types"}, Kind: CommaList, Meta: "LIST", State: Implemented,
		Default: []string{"text/*", "application/json", "application/javascript", "application/xml", "application/manifest+json", "image/svg+xml", "application/wasm"},
		Shown:   "text/*, application/json, application/javascript, application/xml, application/manifest+json, image/svg+xml, application/wasm",
		Help:    "media types that are compressed, with commas; text/* is all texts but event streams",
	},
	{
		Name: "compress_min_size", Section: "kirin", Long: []string{"compress-min-size"}, Kind: Int, Default: 1024, Meta: "BYTES", State: Implemented,
		Help: "the shortest body that is compressed, where its length is known",
	},
}
