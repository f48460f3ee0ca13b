package test

import (
	"io"
	"maps"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// filterClass is what people have in public configurations.
const filterClass = `
import logging

class NoProbes(logging.Filter):
    def filter(self, record):
        return "/healthz" not in record.getMessage()

def no_probes(record):
    return record.args["U"] != "/healthz"
`

// accessLoggers are ways to tell Python's logging of the access log, in the configuration file or in the application, and what lines they leave of
// a request each for /healthz and /other.
var accessLoggers = map[string]struct{ conf, app, want string }{
	"nothing":      {want: "GET /healthz|GET /other"},
	"on_starting":  {conf: filterClass + "\ndef on_starting(server):\n    server.log.access_log.addFilter(NoProbes())\n", want: "GET /other"},
	"function":     {conf: filterClass + "\ndef on_starting(server):\n    logging.getLogger('gunicorn.access').addFilter(no_probes)\n", want: "GET /other"},
	"handlers":     {conf: filterClass + "\ndef on_starting(server):\n    for h in server.log.access_log.handlers:\n        h.addFilter(NoProbes())\n", want: "GET /other"},
	"top":          {conf: filterClass + "\nlogging.getLogger('gunicorn.access').addFilter(NoProbes())\n", want: "GET /other"},
	"post_fork":    {conf: filterClass + "\ndef post_fork(server, worker):\n    worker.log.access_log.addFilter(NoProbes())\n", want: "GET /other"},
	"logger_class": {conf: filterClass + "\nfrom gunicorn import glogging\nclass L(glogging.Logger):\n    def setup(self, cfg):\n        super().setup(cfg)\n        self.access_log.addFilter(NoProbes())\nlogger_class = L\n", want: "GET /other"},
	"level":        {app: "import logging\nlogging.getLogger('gunicorn.access').setLevel(logging.WARNING)\n", want: ""},
	"application":  {app: filterClass + "\nlogging.getLogger('gunicorn.access').addFilter(NoProbes())\n", want: "GET /other"},
	"formatter":    {app: "import logging\nlogging.getLogger('gunicorn.access').handlers[0].setFormatter(logging.Formatter('mine %(message)s'))\n", want: "mine GET /healthz|mine GET /other"},
	"its own":      {app: "import logging, sys\nh = logging.StreamHandler(sys.stdout)\nh.setFormatter(logging.Formatter('more %(message)s'))\nlogging.getLogger('gunicorn.access').addHandler(h)\n", want: "GET /healthz|GET /other|more GET /healthz|more GET /other"},
	"dictConfig": {app: `import logging.config
logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, "formatters": {"f": {"format": "dict %(message)s"}},
    "handlers": {"h": {"class": "logging.StreamHandler", "formatter": "f", "stream": "ext://sys.stdout"}},
    "loggers": {"gunicorn.access": {"handlers": ["h"], "level": "INFO", "propagate": False}}})
`, want: "dict GET /healthz|dict GET /other"},
}

// askForBoth asks for /healthz and /other, which are in the log when those that were asked before are: the last one is.
func askForBoth(t *testing.T, addr string) {
	t.Helper()
	for _, path := range []string{"/healthz", "/other"} {
		testkit.Eventually(t, "an answer", func() bool {
			resp, err := (&http.Client{Timeout: time.Minute}).Get("http://" + addr + path)
			if err != nil {
				return false
			}
			_, err = io.Copy(io.Discard, resp.Body)
			must(t, err)
			resp.Body.Close()
			return resp.StatusCode == 200
		})
	}
}

// TestAccessLogger wants what people tell Python's logging of the access log done, as Gunicorn does it.
func TestAccessLogger(t *testing.T) {
	t.Parallel()
	for name, c := range accessLoggers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, nil)
			write(t, filepath.Join(dir, "hello.py"), c.app+appFile(t, "hello.py"))
			write(t, filepath.Join(dir, "gunicorn.conf.py"), "accesslog = '-'\naccess_log_format = '%(m)s %(U)s'\n"+c.conf)
			s := testkit.Start(t, options{App: "hello:app", Dir: dir})
			askForBoth(t, s.Addr)
			s.Stop()
			logs := map[string]*testkit.Log{"kirin": s.Out}
			if asked := testkit.Long([]string{"on_starting", "formatter", "dictConfig"}, slices.Collect(maps.Keys(accessLoggers))); slices.Contains(asked, name) {
				addr := testkit.FreeAddr()
				logs["Gunicorn"] = startGunicorn(t, dir, "GUNICORN_CMD_ARGS=--bind="+addr)
				askForBoth(t, addr)
				if c.want != "" {
					logs["Gunicorn"].Wait(t, "^"+c.want[strings.LastIndexByte(c.want, '|')+1:]+"$")
				}
			}
			for who, log := range logs {
				var lines []string
				for _, line := range log.Lines("GET /") {
					if !strings.HasPrefix(line, "[") {
						lines = append(lines, line)
					}
				}
				if got := strings.Join(sortedLines(lines), "|"); got != c.want {
					t.Errorf("%s: %q, want %q\n%s", who, got, c.want, s.Err)
				}
			}
		})
	}
}

// TestAccessLoggerASGI wants a filter on uvicorn.access, which an application puts there as it starts up, asked about the lines of the front's file;
// and a logger that a dictConfig has disabled by the way, as it does by default, to lose no access log, but to be told of.
func TestAccessLoggerASGI(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"hello.py": `
import logging.config

class NoProbes(logging.Filter):
    def filter(self, record):
        return record.args[2] != "/healthz"

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        logging.getLogger("uvicorn.access").addFilter(NoProbes())
        logging.config.dictConfig({"version": 1})
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await send({"type": "lifespan.shutdown.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for more in (True, False):
        await send({"type": "http.response.body", "body": b"x" * 70000, "more_body": more})
`})
	access := &testkit.Log{Path: filepath.Join(dir, "access")}
	s := testkit.Start(t, options{App: "hello:app", Dir: dir, Args: []string{"--access-logfile", access.Path, "--access-logformat", "%(m)s %(U)s %(B)s"}})
	askForBoth(t, s.Addr)
	access.Wait(t, "^GET /other 140000")
	access.Lacks(t, "healthz")
	s.Err.Wait(t, "the logger [a-z]+.access is disabled .*--access-log-exclude")
}

func sortedLines(lines []string) []string {
	slices.Sort(lines)
	return lines
}
