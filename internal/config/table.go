package config

import "slices"

// table is every setting. It is data: nothing changes it after the program starts.
var table = slices.Concat(
	fileSettings,
	socketSettings,
	workerSettings,
	kirinSettings,
	edgeSettings,
	asgiSettings,
	securitySettings,
	mechanicsSettings,
	requestSettings,
	loggingSettings,
	debuggingSettings,
	[]*Setting{verboseSetting},
	namingSettings,
	tlsSettings,
	http2Settings,
	controlSettings,
	hookSettings,
	dirtySettings,
	dirtyHookSettings,
)

// defaultFile is the configuration file that is read when it exists and none is named.
const defaultFile = "./gunicorn.conf.py"

var fileSettings = []*Setting{
	{
		Name: "config", Section: "Config File", Long: []string{"config"}, Short: "c", Kind: String,
		Default: defaultFile, Meta: "FILE", State: Implemented, NoFile: true,
		Help: "configuration file: PATH, file:PATH or python:MODULE; run by the application's interpreter; under systemd for workers' hooks alone",
	},
	{
		Name: "wsgi_app", Section: "Config File", Kind: String, State: Implemented, check: checkApp,
		Help: "the application, MODULE:CALLABLE; the one on the command line wins",
	},
}

var kirinSettings = []*Setting{
	{
		Name: "python", Section: "kirin", Long: []string{"python"}, Kind: String, Meta: "PATH", State: Implemented, NoFile: true,
		Shown: "$VIRTUAL_ENV, ./.venv, ./venv, then python3 on PATH",
		Help:  "the interpreter that runs the application, such as venv/bin/python",
	},
	{
		Name: "queue_limit", Section: "kirin", Long: []string{"queue-limit"}, Kind: Int, Default: 2048, Meta: "INT", State: Implemented,
		Help: "requests that may wait for a worker; one more is answered 503 at once",
	},
	{
		Name: "queue_timeout", Section: "kirin", Long: []string{"queue-timeout"}, Kind: Int, Default: 30, Meta: "SECONDS", State: Implemented,
		Help: "how long a request may wait for a worker before it is answered 503; 0: no limit",
	},
	{
		Name: "request_timeout", Section: "kirin", Long: []string{"request-timeout"}, Kind: Int, Default: 0, Meta: "SECONDS", State: Implemented,
		Help: "after how long a request is answered 504 and cancelled, its worker left alone; 0: never",
	},
	{
		Name: "max_memory", Section: "kirin", Long: []string{"max-memory"}, Kind: Int, Default: 0, Meta: "MIB", State: Implemented,
		Help: "replace a worker whose memory has grown beyond this many MiB; 0: never",
	},
	{
		Name: "max_lifetime", Section: "kirin", Long: []string{"max-lifetime"}, Kind: Int, Default: 0, Meta: "SECONDS", State: Implemented,
		Help: "replace a worker after this time; 0: never",
	},
	{
		Name: "prefetch", Section: "kirin", Long: []string{"prefetch"}, Kind: Int, Default: 8, Meta: "INT", State: Implemented,
		Help: "quick, safe requests sent ahead to a busy sync worker; 0: none",
	},
	{
		Name: "surge", Section: "kirin", Long: []string{"surge"}, Kind: Int, Default: 1, Meta: "INT", State: Implemented,
		Help: "spare workers that are started at a time while workers are replaced; 0: each ends before its successor starts",
	},
	{
		Name: "idle_timeout", Section: "kirin", Long: []string{"idle-timeout"}, Kind: Int, Default: 0, Meta: "SECONDS", State: Implemented,
		Help: "with a socket that systemd keeps: end after so long without a request, until the next connection; 0: never",
	},
}

var socketSettings = []*Setting{
	{
		Name: "bind", Section: "Server Socket", Long: []string{"bind"}, Short: "b", Kind: List, Default: []string{"127.0.0.1:8000"},
		Env: "PORT", fromEnv: onPort, Shown: "127.0.0.1:8000, or 0.0.0.0:$PORT",
		Meta: "ADDRESS", State: Implemented, check: checkBind,
		Help: "where to listen: HOST:PORT, [IPV6]:PORT, unix:PATH or fd://N, after http:// or https:// if need be; may be given several times",
	},
	{
		Name: "backlog", Section: "Server Socket", Long: []string{"backlog"}, Kind: Int, Default: 2048, Meta: "INT", State: Implemented,
		Help: "connections that the kernel holds until they are accepted",
	},
}

var securitySettings = []*Setting{
	{
		Name: "limit_request_line", Section: "Security", Long: []string{"limit-request-line"}, Kind: Int, Default: 4094, Meta: "BYTES", State: Implemented,
		Help: "longest request line, in bytes; 0: no limit but the server's own",
	},
	{
		Name: "limit_request_fields", Section: "Security", Long: []string{"limit-request-fields"}, Kind: Int, Default: 100, Meta: "INT", State: Implemented,
		Help: "most header fields in a request",
	},
	{
		Name: "limit_request_field_size", Section: "Security", Long: []string{"limit-request-field_size", "limit-request-field-size"},
		Kind: Int, Default: 8190, Meta: "BYTES", State: Implemented,
		Help: "longest header field, in bytes; 0: no limit but the server's own",
	},
}

var debuggingSettings = []*Setting{
	{
		Name: "reload", Section: "Debugging", Long: []string{"reload"}, Kind: Bool, Default: false, State: Implemented,
		Help: "replace the workers when the application's code changes; for development",
	},
	{
		Name: "reload_engine", Section: "Debugging", Long: []string{"reload-engine"}, Kind: String, Default: "auto", Meta: "STRING",
		Choices: []string{"auto", "poll", "inotify"},
		Help:    "how changes of files are noticed",
		State:   Better, Inert: true,
		Note: "the modification times are looked at, which needs nothing installed and sees every file system",
	},
	{
		Name: "reload_extra_files", Section: "Debugging", Long: []string{"reload-extra-file"}, Kind: List, Default: []string{}, Meta: "FILE", State: Implemented,
		Help: "also watch this file or pattern with --reload; may be given several times",
	},
	{
		Name: "spew", Section: "Debugging", Long: []string{"spew"}, Kind: Bool, Default: false,
		Help:  "print every line of Python that runs",
		State: Implemented,
	},
	{
		Name: "check_config", Section: "Debugging", Long: []string{"check-config"}, Kind: Bool, Default: false, State: Implemented,
		Help: "check the configuration, load the application once, and exit",
	},
	{
		Name: "print_config", Section: "Debugging", Long: []string{"print-config"}, Kind: Bool, Default: false, State: Implemented,
		Help: "print every setting as it was resolved, load the application once, and exit",
	},
}

var verboseSetting = &Setting{
	Name: "verbose", Section: "Debugging", Long: []string{"verbose"}, Kind: Bool, Default: false, State: Implemented, NoFile: true,
	Help: "with --print-config: also where each value comes from, and which it has won over",
}

var namingSettings = []*Setting{
	{
		Name: "proc_name", Section: "Process Naming", Long: []string{"name"}, Short: "n", Kind: String, Meta: "STRING", State: Implemented,
		Help: "name of the processes in ps and top",
	},
	{
		Name: "default_proc_name", Section: "Process Naming", Kind: String, Default: "gunicorn",
		Help:  "name of the processes when proc_name is not set",
		State: Implemented,
	},
}
