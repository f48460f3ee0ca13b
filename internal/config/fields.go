package config

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/kirin-server/kirin/internal/logs"
)

// process fills what a process is started with.
func (m *merge) process(c *Config) error {
	c.App, c.Python, c.File = m.text("wsgi_app"), m.text("python"), m.fileName
	c.Backlog = m.number("backlog")
	c.Env = m.list("raw_env")
	if len(m.environ) > 0 {
		c.Env = append(m.environ, c.Env...) // the last one wins
	}
	c.UID, c.GID = m.owner("user", os.Geteuid()), m.owner("group", os.Getegid())
	c.Umask, c.UmaskSet = m.number("umask"), m.values["umask"].source.Origin != FromDefault
	c.PIDFile = optionalPath(c.Chdir, m.text("pidfile"))
	c.Control = m.control(c.Chdir)
	c.ProcName = m.text("proc_name")
	if m.values["default_proc_name"].source.Origin != FromDefault {
		c.ProcName = cmp.Or(c.ProcName, m.text("default_proc_name"))
	}
	c.Daemon, c.KeepOutput = m.flag("daemon"), m.flag("enable_stdio_inheritance")
	c.ReusePort, c.InitGroups = m.flag("reuse_port"), m.flag("initgroups")
	c.SpoolDir = optionalPath(c.Chdir, m.text("tmp_upload_dir"))
	c.Reload = m.flag("reload")
	c.Verbose = m.flag("verbose")
	c.CheckConfig, c.PrintConfig = m.flag("check_config"), m.flag("print_config")
	return m.extraFiles(c)
}

// extraFiles wants a file that is named to be there; a pattern may match nothing yet.
func (m *merge) extraFiles(c *Config) error {
	for _, file := range m.list("reload_extra_files") {
		path := absolute(c.Chdir, file)
		if _, err := os.Stat(path); err != nil && !m.remote && !strings.ContainsAny(file, "*?[") {
			return &Error{
				Setting: "reload_extra_files", Source: m.values["reload_extra_files"].source,
				Problem: fmt.Sprintf("%q cannot be read: %v", file, plainCause(err)),
			}
		}
		c.ReloadExtraFiles = append(c.ReloadExtraFiles, path)
	}
	return nil
}

// workers fills what the pool needs. A sync worker with threads is a gthread one, as in Gunicorn.
func (m *merge) workers(c *Config) error {
	c.Workers, c.Threads, c.WorkerClass = m.number("workers"), m.number("threads"), m.text("worker_class")
	if c.WorkerClass == "gthread" && c.Threads == 0 {
		return &Error{Setting: "threads", Source: m.values["threads"].source, Problem: "a gthread worker needs at least 1 thread"}
	}
	if c.Threads > 1 && c.WorkerClass == "sync" {
		c.WorkerClass = "gthread"
	}
	c.warnOfClass()
	c.Threads = max(1, c.Threads)
	c.WorkerConnections = max(1, m.number("worker_connections"))
	c.ASGILoop, c.ASGILifespan = m.text("asgi_loop"), m.text("asgi_lifespan")
	c.WebSockets, c.RootPath = m.webSockets(), m.text("root_path")
	c.ASGIDisconnectGrace = m.seconds("asgi_disconnect_grace_period")
	c.MaxRequests, c.MaxRequestsJitter = m.number("max_requests"), m.number("max_requests_jitter")
	c.Timeout, c.GracefulTimeout, c.KeepAlive = m.seconds("timeout"), m.seconds("graceful_timeout"), m.seconds("keepalive")
	c.QueueLimit, c.QueueTimeout = m.number("queue_limit"), m.seconds("queue_timeout")
	c.RequestTimeout = m.seconds("request_timeout")
	c.MaxMemory, c.MaxLifetime = m.number("max_memory"), m.seconds("max_lifetime")
	c.Prefetch, c.Surge = m.number("prefetch"), m.number("surge")
	c.IdleTimeout = m.seconds("idle_timeout")
	c.Preload = m.flag("preload_app")
	return nil
}

// logs fills what the log room needs.
func (m *merge) logs(c *Config) error {
	if c.AccessLog = m.text("accesslog"); c.AccessLog != Journal {
		c.AccessLog = logPath(c.Chdir, c.AccessLog)
	}
	c.AccessLogFormat = m.text("access_log_format")
	c.ErrorLog = logPath(c.Chdir, m.text("errorlog"))
	c.LogLevel = m.text("loglevel")
	c.CaptureOutput = m.flag("capture_output")
	var err error
	c.AccessExclude, err = logs.ParseExclude(m.list("access_log_exclude"))
	return err
}

// requests fills how requests are read.
func (m *merge) requests(c *Config) error {
	c.LimitRequestLine = m.number("limit_request_line")
	c.LimitRequestFields = m.number("limit_request_fields")
	c.LimitRequestFieldSize = m.number("limit_request_field_size")
	c.ForwardedAllow, c.ForwardedAllowAll = m.peers("forwarded_allow_ips")
	c.SecureSchemeHeaders = map[string]string{}
	headers, _ := m.values["secure_scheme_headers"].v.(map[string]any)
	for name, v := range headers {
		c.SecureSchemeHeaders[name], _ = v.(string)
	}
	c.ForwarderHeaders = m.list("forwarder_headers")
	c.HeaderMap = m.text("header_map")
	c.AnyMethod = m.flag("permit_unconventional_http_method")
	c.Connect = m.flag("permit_connect")
	return m.edge(c)
}

// owner is a user's or a group's number; what was not set is this process's own.
func (m *merge) owner(name string, own int) int {
	set := m.values[name]
	if id, ok := set.v.(int); ok {
		return id
	}
	if set.v == nil || !m.remote {
		m.values[name] = value{v: own, source: set.source}
	}
	return own
}

func (m *merge) number(name string) int {
	n, _ := m.values[name].v.(int)
	return n
}

func (m *merge) flag(name string) bool {
	b, _ := m.values[name].v.(bool)
	return b
}

func (m *merge) list(name string) []string {
	l, _ := m.values[name].v.([]string)
	return l
}

func (m *merge) seconds(name string) time.Duration {
	return time.Duration(m.number(name)) * time.Second
}

// absolute is path as seen from dir; an empty one is dir itself.
func absolute(dir, path string) string {
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	return filepath.Join(dir, path)
}

func optionalPath(dir, path string) string {
	if path == "" {
		return ""
	}
	return absolute(dir, path)
}

func logPath(dir, path string) string {
	if path == "-" {
		return path
	}
	return optionalPath(dir, path)
}

// absoluteBind makes the path of a Unix socket absolute; an abstract one (@name) has none.
func absoluteBind(dir, address string) string {
	for _, scheme := range []string{"http://", "https://"} {
		if rest, ok := strings.CutPrefix(address, scheme); ok {
			return scheme + absoluteBind(dir, rest)
		}
	}
	path, ok := strings.CutPrefix(address, "unix:")
	path = strings.TrimPrefix(path, "//")
	if !ok || strings.HasPrefix(path, "@") || path == "" {
		return address
	}
	return "unix:" + absolute(dir, path)
}
