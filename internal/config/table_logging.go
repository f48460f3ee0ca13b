package config

// DefaultAccessLogFormat is Apache's combined format in the words of Gunicorn's atoms.
const DefaultAccessLogFormat = `%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"`

// Journal as the access log stands for the systemd journal. A file of that name is ./journal.
const Journal = "journal"

var loggingSettings = []*Setting{
	{
		Name: "accesslog", Section: "Logging", Long: []string{"access-logfile"}, Kind: String, Meta: "FILE", State: Implemented,
		Help: "file of the access log; - for standard output; journal for entries of the systemd journal with fields; none when not given",
	},
	{
		Name: "disable_redirect_access_to_syslog", Section: "Logging", Long: []string{"disable-redirect-access-to-syslog"}, Kind: Bool, Default: false,
		Help:  "keep the access log out of syslog",
		State: Implemented,
	},
	{
		Name: "access_log_format", Section: "Logging", Long: []string{"access-logformat"}, Kind: String, Default: DefaultAccessLogFormat, Meta: "FORMAT", State: Implemented,
		check: checkAccessFormat,
		Help:  "a line of the access log, with Gunicorn's atoms such as %(h)s; json: an object a line",
	},
	{
		Name: "access_log_exclude", Section: "Logging", Long: []string{"access-log-exclude"}, Kind: List, Default: []string{}, Meta: "RULE", State: Implemented,
		check: checkExclude,
		Help:  "keep requests out of the access log: /healthz, /static/*, status:2xx, agent:kube-probe/*, or several that must all hold, with spaces; may be given several times",
	},
	{
		Name: "errorlog", Section: "Logging", Long: []string{"error-logfile", "log-file"}, Kind: String, Default: "-", Meta: "FILE", State: Implemented,
		Help: "file of the error log; - for standard error",
	},
	{
		Name: "loglevel", Section: "Logging", Long: []string{"log-level"}, Kind: String, Default: "info", Meta: "LEVEL", State: Implemented,
		Choices: []string{"debug", "info", "warning", "error", "critical"}, check: checkLevel,
		Help: "the least severe messages that the error log gets",
	},
	{
		Name: "capture_output", Section: "Logging", Long: []string{"capture-output"}, Kind: Bool, Default: false, State: Implemented,
		Help: "what the application prints goes to the error log",
	},
	{
		Name: "logger_class", Section: "Logging", Long: []string{"logger-class"}, Kind: Class, Default: "gunicorn.glogging.Logger", Meta: "CLASS",
		Help:  "Python class that writes the logs",
		State: Implemented,
	},
	{
		Name: "logconfig", Section: "Logging", Long: []string{"log-config"}, Kind: String, Meta: "FILE",
		Help:  "configuration of Python's logging, in its file format",
		State: Implemented,
	},
	{
		Name: "logconfig_dict", Section: "Logging", Kind: Dict, Default: map[string]any{},
		Help:  "configuration of Python's logging, as a dictionary",
		State: Implemented,
	},
	{
		Name: "logconfig_json", Section: "Logging", Long: []string{"log-config-json"}, Kind: String, Meta: "FILE",
		Help:  "configuration of Python's logging, as JSON",
		State: Implemented,
	},
	{
		Name: "syslog_addr", Section: "Logging", Long: []string{"log-syslog-to"}, Kind: String, Default: "udp://localhost:514", Meta: "ADDRESS",
		Help:  "where syslog messages go: udp://HOST:PORT, tcp://HOST:PORT, unix://PATH (with #dgram or #stream)",
		State: Implemented, check: checkSyslog,
	},
	{
		Name: "syslog", Section: "Logging", Long: []string{"log-syslog"}, Kind: Bool, Default: false,
		Help:  "send the logs to syslog",
		State: Implemented,
	},
	{
		Name: "syslog_prefix", Section: "Logging", Long: []string{"log-syslog-prefix"}, Kind: String, Meta: "NAME",
		Help:  "program name in syslog messages",
		State: Implemented,
	},
	{
		Name: "syslog_facility", Section: "Logging", Long: []string{"log-syslog-facility"}, Kind: String, Default: "user", Meta: "NAME",
		Help:  "facility of syslog messages",
		State: Implemented, check: checkFacility,
	},
	{
		Name: "syslog_format", Section: "Logging", Long: []string{"log-syslog-format"}, Kind: String, Default: "rfc3164", Meta: "NAME", State: Implemented,
		Choices: []string{"rfc3164", "rfc5424"},
		Help:    "form of syslog messages",
	},
	{
		Name: "enable_stdio_inheritance", Section: "Logging", Long: []string{"enable-stdio-inheritance"}, Short: "R", Kind: Bool, Default: false,
		Help:  "keep standard output and error with --daemon, where they are lost otherwise",
		State: Implemented,
	},
	{
		Name: "statsd_host", Section: "Logging", Long: []string{"statsd-host"}, Kind: String, Meta: "ADDRESS",
		Help:  "send metrics to this StatsD server: HOST:PORT or unix://PATH",
		State: Implemented, check: checkStatsd,
	},
	{
		Name: "dogstatsd_tags", Section: "Logging", Long: []string{"dogstatsd-tags"}, Kind: String, Default: "", Meta: "TAGS",
		Help:  "tags for every StatsD metric, with commas",
		State: Implemented,
	},
	{
		Name: "statsd_prefix", Section: "Logging", Long: []string{"statsd-prefix"}, Kind: String, Default: "", Meta: "PREFIX",
		Help:  "prefix of the names of StatsD metrics",
		State: Implemented,
	},
	{
		Name: "enable_backlog_metric", Section: "Logging", Long: []string{"enable-backlog-metric"}, Kind: Bool, Default: false,
		Help:  "a metric of connections that wait to be accepted",
		State: Better,
		Note:  "it counts the requests that wait in the front's queue, too, which is where they wait",
	},
}
