package config

var mechanicsSettings = []*Setting{
	{
		Name: "preload_app", Section: "Server Mechanics", Long: []string{"preload"}, Kind: Bool, Default: false, State: Implemented,
		Help: "load the application once and fork the workers from it: less memory, quick starts; a reload loads it anew",
	},
	{
		Name: "sendfile", Section: "Server Mechanics", Long: []string{"no-sendfile"}, Kind: Bool, Inverted: true, Env: "SENDFILE",
		Default: true, fromEnv: yesOrNo,
		Help:  "do not send files with sendfile(2)",
		State: Better, Inert: true,
		Note: "the front sends files itself: by sendfile(2) where the connection can, and by copying where it cannot",
	},
	{
		Name: "reuse_port", Section: "Server Mechanics", Long: []string{"reuse-port"}, Kind: Bool, Default: false,
		Help:  "set SO_REUSEPORT on the listening sockets",
		State: Systemd, Note: "ReusePort=yes in the section [Socket]",
	},
	{
		Name: "chdir", Section: "Server Mechanics", Long: []string{"chdir"}, Kind: String, Meta: "DIR", State: Implemented,
		Shown: "the current directory",
		Help:  "directory to change to before the application is loaded",
	},
	{
		Name: "daemon", Section: "Server Mechanics", Long: []string{"daemon"}, Short: "D", Kind: Bool, Default: false,
		Help:  "detach from the terminal",
		State: Systemd, Note: "units are in the background anyway",
	},
	{
		Name: "raw_env", Section: "Server Mechanics", Long: []string{"env"}, Short: "e", Kind: List, Default: []string{}, Meta: "NAME=VALUE",
		State: Implemented, check: checkEnv,
		Help: "set an environment variable for the application; may be given several times",
	},
	{
		Name: "pidfile", Section: "Server Mechanics", Long: []string{"pid"}, Short: "p", Kind: String, Meta: "FILE", State: Implemented,
		Help: "write the server's process id to this file",
	},
	{
		Name: "worker_tmp_dir", Section: "Server Mechanics", Long: []string{"worker-tmp-dir"}, Kind: String, Meta: "DIR",
		Help:  "directory of the workers' heartbeat files",
		State: Better, Inert: true,
		Note: "there is no heartbeat file, which a slow disk could hold up: workers send WATCHDOG=1 to systemd, or to kirin run; uploads wait in tmp_upload_dir",
	},
	{
		Name: "user", Section: "Server Mechanics", Long: []string{"user"}, Short: "u", Kind: Owner, Meta: "USER", State: Implemented,
		Shown: "the user who starts kirin", check: checkUser,
		Help: "run the front and the workers as this user (name or number)",
	},
	{
		Name: "group", Section: "Server Mechanics", Long: []string{"group"}, Short: "g", Kind: Owner, Meta: "GROUP", State: Implemented,
		Shown: "the group of the user who starts kirin", check: checkGroup,
		Help: "run the front and the workers as this group (name or number)",
	},
	{
		Name: "umask", Section: "Server Mechanics", Long: []string{"umask"}, Short: "m", Kind: Mode, Default: 0, Meta: "MODE", State: Implemented,
		check: checkUmask,
		Help:  "mode bits to take away from files that are created (022 and 0o22 are octal); when it is not set, Unix sockets of bind are 0660",
	},
	{
		Name: "initgroups", Section: "Server Mechanics", Long: []string{"initgroups"}, Kind: Bool, Default: false,
		Help:  "give the workers all groups of --user",
		State: Systemd, Note: "a unit with User= has all groups of that user",
	},
	{
		Name: "tmp_upload_dir", Section: "Server Mechanics", Kind: String,
		Help:  "directory for large request bodies as they are read; $TMPDIR or /var/tmp when it is not set",
		State: Better, Note: "Gunicorn ignores it; bodies of more than a mebibyte wait there, in files that have no name",
	},
	{
		Name: "secure_scheme_headers", Section: "Server Mechanics", Kind: Dict, State: Implemented, check: checkSchemeHeaders,
		Default: map[string]any{"X-FORWARDED-PROTOCOL": "ssl", "X-FORWARDED-PROTO": "https", "X-FORWARDED-SSL": "on"},
		Help:    "headers, with their values, by which a trusted proxy says that the client used https",
	},
	{
		Name: "forwarded_allow_ips", Section: "Server Mechanics", Long: []string{"forwarded-allow-ips"}, Kind: CommaList,
		Default: []string{"127.0.0.1", "::1"}, Env: "FORWARDED_ALLOW_IPS", Meta: "LIST", State: Implemented, check: checkPeers,
		Help: "addresses and networks of proxies whose scheme headers are believed, with commas; * for all",
	},
	{
		Name: "pythonpath", Section: "Server Mechanics", Long: []string{"pythonpath"}, Kind: String, Meta: "DIRS", State: Implemented,
		Help: "directories to put first on Python's path, with commas",
	},
	{
		Name: "paste", Section: "Server Mechanics", Long: []string{"paste", "paster"}, Kind: String, Meta: "FILE",
		Help:  "load a PasteDeploy file",
		State: Implemented,
	},
	{
		Name: "raw_paste_global_conf", Section: "Server Mechanics", Long: []string{"paste-global"}, Kind: List, Default: []string{}, Meta: "KEY=VALUE",
		Help:  "set a global variable of the PasteDeploy file; may be given several times",
		State: Implemented,
	},
	{
		Name: "proxy_protocol", Section: "Server Mechanics", Long: []string{"proxy-protocol"}, Kind: String, Default: "off", Bare: "auto", Meta: "MODE",
		Choices: []string{"off", "v1", "v2", "auto"}, before: trueIsAuto, State: Implemented,
		Help: "accept the PROXY protocol from a balancer in front",
	},
	{
		Name: "proxy_allow_ips", Section: "Server Mechanics", Long: []string{"proxy-allow-from"}, Kind: CommaList,
		Default: []string{"127.0.0.1", "::1"}, Meta: "LIST", State: Implemented, check: checkPeers,
		Help: "addresses and networks that may speak the PROXY protocol, with commas; * for all",
	},
	{
		Name: "protocol", Section: "Server Mechanics", Long: []string{"protocol"}, Kind: String, Default: "http", Meta: "NAME",
		Choices: []string{"http", "uwsgi"}, State: Implemented,
		Help: "what connections speak; uwsgi is for uwsgi_pass of nginx",
	},
	{
		Name: "uwsgi_allow_ips", Section: "Server Mechanics", Long: []string{"uwsgi-allow-from"}, Kind: CommaList,
		Default: []string{"127.0.0.1", "::1"}, Meta: "LIST", State: Implemented, check: checkPeers,
		Help: "addresses and networks that may speak uwsgi, with commas; * for all; who reaches a Unix socket always may",
	},
}

// requestSettings are the rows of Server Mechanics that loosen how a request is read.
var requestSettings = []*Setting{
	{
		Name: "permit_obsolete_folding", Section: "Server Mechanics", Long: []string{"permit-obsolete-folding"}, Kind: Bool, Default: false,
		Help:  "accept header fields that go on over several lines",
		State: Better, Inert: true,
		Note: "folded fields are refused with 400, as RFC 9112 §5.2 wants it: two servers that read them differently are how requests are smuggled",
	},
	{
		Name: "strip_header_spaces", Section: "Server Mechanics", Long: []string{"strip-header-spaces"}, Kind: Bool, Default: false,
		Help:  "accept spaces between a header's name and its colon",
		State: Implemented, Inert: true,
		Note: "Gunicorn ignores it too; such a request is answered 400 (RFC 9112 §5.1)",
	},
	{
		Name: "permit_unconventional_http_method", Section: "Server Mechanics", Long: []string{"permit-unconventional-http-method"}, Kind: Bool, Default: false,
		State: Implemented,
		Help:  "accept methods that no registry would",
	},
	{
		Name: "permit_unconventional_http_version", Section: "Server Mechanics", Long: []string{"permit-unconventional-http-version"}, Kind: Bool, Default: false,
		Help:  "accept HTTP versions that do not exist",
		State: Better, Inert: true,
		Note: "all that calls itself HTTP/1.x is served as HTTP/1.1 or HTTP/1.0; another version is answered 505 (RFC 9110 §15.6.6)",
	},
	{
		Name: "casefold_http_method", Section: "Server Mechanics", Long: []string{"casefold-http-method"}, Kind: Bool, Default: false,
		Help:  "turn methods into capitals",
		State: Implemented, Inert: true,
		Note: "Gunicorn ignores it too; methods are case-sensitive (RFC 9110 §9.1)",
	},
	{
		Name: "forwarder_headers", Section: "Server Mechanics", Long: []string{"forwarder-headers"}, Kind: CommaList,
		Default: []string{"SCRIPT_NAME", "PATH_INFO"}, Meta: "LIST", State: Implemented,
		Help: "headers with underscores by which a trusted proxy sets variables of the environ, with commas; * for all",
	},
	{
		Name: "header_map", Section: "Server Mechanics", Long: []string{"header-map"}, Kind: String, Default: "drop", Meta: "WORD",
		Choices: []string{"drop", "refuse", "dangerous"}, State: Implemented,
		Help: "what becomes of a header with an underscore in its name",
	},
	{
		Name: "root_path", Section: "Server Mechanics", Long: []string{"root-path"}, Kind: String, Default: "", Meta: "PATH",
		State: Implemented,
		Help:  "path under which a proxy shows an ASGI application; root_path of the scope",
	},
}
