package config

// edgeSettings are kirin's own settings of what other servers in front are there for.
var edgeSettings = []*Setting{
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
}
