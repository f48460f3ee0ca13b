package config

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"github.com/kirin-server/kirin/internal/logs"
)

// Config is every implemented setting with its Go type. Paths are absolute, as they are after --chdir; a time of 0
// means no limit unless the field says otherwise.
type Config struct {
	App    string // MODULE:CALLABLE, never empty
	Python string // interpreter or virtual environment; empty: to be found
	File   string // the configuration file that was read, absolute, or python:MODULE; empty: none

	Bind    []string // HOST:PORT, [IPV6]:PORT, unix:/PATH, fd://N; at least one
	Backlog int      // listen(2)

	Workers           int    // may be 0
	WorkerClass       string // auto, sync, gthread, gevent, gevent-websocket, eventlet, tornado or asgi
	Threads           int    // at least 1; 1 for sync
	WorkerConnections int    // requests at once of one worker with a loop, at least 1
	MaxRequests       int    // 0: workers are not replaced
	MaxRequestsJitter int
	Timeout           time.Duration // of one request in the application
	GracefulTimeout   time.Duration // 0: do not wait
	KeepAlive         time.Duration // 0: no keep-alive

	ASGILoop            string // auto, asyncio or uvloop
	ASGILifespan        string // auto, on or off
	ASGIDisconnectGrace time.Duration

	WebSockets
	RootPath string // of ASGI's scope

	QueueLimit     int           // requests that wait
	QueueTimeout   time.Duration // of one request in the queue
	RequestTimeout time.Duration // of one request in the application, which goes on; 0: none
	MaxMemory      int           // MiB of one worker; 0: no limit
	MaxLifetime    time.Duration // of one worker; 0: no limit
	Prefetch       int           // 0: none
	Surge          int
	IdleTimeout    time.Duration // 0: never
	Preload        bool          // the workers are forked from one process that has loaded the application

	Chdir      string   // absolute, exists
	PythonPath []string // absolute
	Env        []string // NAME=VALUE, as os.Environ has it
	UID, GID   int      // as they are of this process unless --user or --group says otherwise
	Umask      int
	UmaskSet   bool   // Umask was asked for; otherwise it is better left as it is
	PIDFile    string // empty: none
	Control    Control
	ProcName   string // empty: the application's own

	AccessLog       string // a path, "-" for standard output, [Journal], or empty: none
	AccessLogFormat string
	AccessExclude   *logs.Exclude // requests that are not in the access log
	ErrorLog        string        // a path, or "-" for standard error
	LogLevel        string        // debug, info, warning, error, critical
	CaptureOutput   bool

	Telemetry
	PythonLogging

	Dirty Dirty

	Daemon     bool   // go to the background
	KeepOutput bool   // and keep standard output and error there
	ReusePort  bool   // of TCP sockets
	InitGroups bool   // workers have all groups of the user that was asked for
	SpoolDir   string // for large request bodies; empty: the system's

	LimitRequestLine      int // bytes; 0: the server's own limit
	LimitRequestFields    int
	LimitRequestFieldSize int // bytes; 0: the server's own limit

	ForwardedAllow      []netip.Prefix // proxies whose scheme headers are believed
	ForwardedAllowAll   bool           // believe everybody's
	SecureSchemeHeaders map[string]string
	ForwarderHeaders    []string // headers with underscores that those proxies may send; "*": all
	HeaderMap           string   // drop, refuse, dangerous
	AnyMethod           bool     // permit_unconventional_http_method
	Connect             bool     // permit_connect
	Edge                Edge

	TLS TLS

	Reload           bool
	ReloadExtraFiles []string // absolute; may be patterns of filepath.Glob

	CheckConfig, PrintConfig bool
	Verbose                  bool // and the sources with it

	Hooks []string // of File, sorted

	// Warnings are lines for the user about things that were passed over.
	Warnings []string
	// Notes are lines for the log about values that change nothing.
	Notes []string

	values  map[string]value
	earlier map[string][]value // what lost, lowest precedence first
}

// config makes the typed form of the merged values.
func (m *merge) config() (*Config, error) {
	m.paste()
	if m.text("wsgi_app") == "" {
		return nil, &Error{
			Source: Source{Origin: FromCommandLine}, Problem: "no application is named",
			Mend: "name the module and the callable in it, for example: kirin run app:app",
		}
	}
	c := &Config{values: m.values, earlier: m.earlier, Warnings: m.warnings, Notes: m.sortedNotes(), Hooks: m.hooked}
	steps := []func(*Config) error{m.place, m.process, m.workers, m.logs, m.telemetry, m.pythonLogging, m.dirty, m.requests, m.secure}
	for _, step := range steps {
		if err := step(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// place fills what depends on the directory. It comes first: later paths are relative to Chdir.
func (m *merge) place(c *Config) error {
	c.Chdir = absolute(m.in.Dir, m.text("chdir"))
	if info, err := os.Stat(c.Chdir); !m.remote && (err != nil || !info.IsDir()) {
		return &Error{Setting: "chdir", Source: m.values["chdir"].source, Problem: fmt.Sprintf("%q is not a directory", m.text("chdir"))}
	}
	m.values["chdir"] = value{v: c.Chdir, source: m.values["chdir"].source}
	for _, dir := range splitCommas(m.text("pythonpath")) {
		c.PythonPath = append(c.PythonPath, absolute(c.Chdir, dir))
	}
	for _, address := range m.list("bind") {
		c.Bind = append(c.Bind, absoluteBind(c.Chdir, address))
	}
	return nil
}
