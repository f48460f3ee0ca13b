package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

const loggingApp = `
import logging

error = logging.getLogger("gunicorn.error")

def app(environ, start_response):
    if environ["PATH_INFO"] == "/boom":
        raise ValueError("boom")
    error.info("handlers: %d, level: %d", len(error.handlers), error.level)
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Out", "out")])
    return [b"hi"]

async def asgi(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x-out", b"out")]})
        await send({"type": "http.response.body", "body": b"hello"})
`

// loggingConf has what people put there: computed values, a formatter and a logger class of the file's own, Gunicorn's module.
const loggingConf = `
import json, logging, multiprocessing, os
from gunicorn import glogging

workers = max(1, min(1, multiprocessing.cpu_count() * 2 + 1))
raw_env = ["SHOP=" + os.environ.get("SHOP", "none")]

class JSON(logging.Formatter):
    def format(self, record):
        return json.dumps({"logger": record.name, "level": record.levelname, "text": record.getMessage(), "failed": bool(record.exc_info)})

class Logger(glogging.Logger):
    def access(self, resp, req, environ, request_time):
        if req.path != "/health":
            super().access(resp, req, environ, request_time)

logger_class = Logger
access_log_format = '%(m)s %(U)s %(s)s %(B)s %({x-out}o)s'
logconfig_dict = {
    "formatters": {"json": {"()": JSON}},
    "handlers": {"out": {"class": "logging.StreamHandler", "formatter": "json", "stream": "ext://sys.stdout"}},
    "root": {"level": "INFO", "handlers": ["out"]},
    "loggers": {
        "gunicorn.error": {"level": "INFO", "handlers": ["out"], "propagate": False},
        "gunicorn.access": {"level": "INFO", "handlers": ["out"], "propagate": False},
    },
}
`

// TestPythonLogging has both of Gunicorn's loggers by a dictConfig that names them, and a logger class, of a file that a reload reads again.
func TestPythonLogging(t *testing.T) {
	t.Parallel()
	dir := testkit.AppFolder(t, map[string]string{"logapp.py": loggingApp, "gunicorn.conf.py": loggingConf})
	s := testkit.Start(t, options{App: "logapp:app", Dir: dir})
	s.Out.Wait(t, `^\{"logger": "gunicorn.error", "level": "INFO", "text": "Booting worker with pid: \d+", "failed": false\}$`)
	s.Get("/health")
	s.Get("/a")
	s.Get("/boom")
	s.Out.Wait(t, `^\{"logger": "gunicorn.access", "level": "INFO", "text": "GET /a 200 2 out", "failed": false\}$`)
	s.Out.Wait(t, `^\{"logger": "gunicorn.error", "level": "ERROR", "text": "error in the application: GET /boom", "failed": true\}$`)
	s.Out.Wait(t, `"text": "GET /boom 500 `)
	s.Out.Lacks(t, "GET /health")
	text := strings.Replace(loggingConf, "'%(m)s %(U)s", "'changed %(m)s %(U)s", 1)
	if err := os.WriteFile(filepath.Join(dir, "gunicorn.conf.py"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, `\] reloaded$`)
	s.Get("/b")
	s.Out.Wait(t, `"text": "changed GET /b 200 2 out"`)
}

// TestPythonLoggingOfASGI has the access log of an ASGI application by the classic configuration file.
func TestPythonLoggingOfASGI(t *testing.T) {
	t.Parallel()
	dir := testkit.AppFolder(t, map[string]string{"logapp.py": loggingApp, "log.ini": `[loggers]
keys=root,gunicorn.access
[handlers]
keys=out
[formatters]
keys=plain
[logger_root]
level=INFO
handlers=out
[logger_gunicorn.access]
level=INFO
handlers=out
propagate=0
qualname=gunicorn.access
[handler_out]
class=StreamHandler
formatter=plain
args=(sys.stdout,)
[formatter_plain]
format=ini %(name)s %(message)s
`})
	s := testkit.Start(t, options{App: "logapp:asgi", Dir: dir, Args: []string{"--log-config", "log.ini", "--access-logformat", "%(r)s %(s)s %(B)s %({x-out}o)s"}})
	s.Get("/a?b=c")
	s.Out.Wait(t, `^ini gunicorn\.access GET /a\?b=c HTTP/1\.1 201 5 out$`)
}

// TestGunicornsLoggers are there without any setting: applications take their handlers and their level.
func TestGunicornsLoggers(t *testing.T) {
	t.Parallel()
	dir := testkit.AppFolder(t, map[string]string{"logapp.py": loggingApp})
	s := testkit.Start(t, options{App: "logapp:app", Dir: dir, Args: args("--log-level info")})
	s.Get("/")
	s.Err.Wait(t, `^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \+\d{4}\] \[\d+\] \[INFO\] handlers: 1, level: 20$`)
}

// TestPythonLogRotation wants no line lost or written twice while files are moved away and USR1 has them reopened.
func TestPythonLogRotation(t *testing.T) {
	t.Parallel()
	dir := testkit.AppFolder(t, map[string]string{"logapp.py": loggingApp, "log.json": `{
		"handlers": {"file": {"class": "logging.FileHandler", "filename": "access.log"}, "none": {"class": "logging.NullHandler"}},
		"root": {"handlers": ["none"]},
		"loggers": {"gunicorn.access": {"level": "INFO", "handlers": ["file"], "propagate": false}, "gunicorn.error": {"handlers": ["none"]}}}`})
	s := testkit.Start(t, options{App: "logapp:app", Dir: dir, Args: []string{"--log-config-json", "log.json", "--access-logformat", "%(U)s", "--workers", "2"}})
	s.WaitWorkers(2)
	file := filepath.Join(dir, "access.log")
	const clients = 4 // each may have one request that is logged and not answered any more when the load ends
	load := testkit.StartLoad(t, s, testkit.LoadOptions{Connections: clients, Path: "/x", ReadOnly: true})
	for i := range 5 {
		load.Wait(200)
		old := fmt.Sprintf("%s.%d", file, i)
		if err := os.Rename(file, old); err != nil {
			t.Fatal(err)
		}
		s.Signal(syscall.SIGUSR1)
		testkit.Eventually(t, "there are lines in the new file, and no worker has the old one", func() bool { return written(file) > 0 && settled(s, old) })
	}
	report := load.Stop()
	report.NoFailures(t)
	s.Stop()
	lines := 0
	files, err := filepath.Glob(file + "*")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		lines += written(f)
	}
	if lines < report.Gets || lines > report.Gets+clients {
		t.Errorf("%d lines in %d files, for %d requests", lines, len(files), report.Gets)
	}
}

// TestRotationAtABirth has the files of a worker reopened that is starting when USR1 comes, and those of one that a parent forks later.
func TestRotationAtABirth(t *testing.T) {
	t.Parallel()
	dir := testkit.AppFolder(t, map[string]string{
		"logapp.py": "import os\nif os.path.exists('wait'):\n    open('waits', 'w').close()\n    open('go').read()\n" + loggingApp,
		"log.json": `{
		"handlers": {"file": {"class": "logging.FileHandler", "filename": "access.log"}},
		"root": {"handlers": ["file"]},
		"loggers": {"gunicorn.access": {"level": "INFO", "handlers": ["file"], "propagate": false}}}`,
	})
	file, release := filepath.Join(dir, "access.log"), filepath.Join(dir, "go")
	if err := syscall.Mkfifo(release, 0o600); err != nil {
		t.Fatal(err)
	}
	rotate := func(s *testkit.Server, old string) {
		t.Helper()
		if err := os.Rename(file, old); err != nil {
			t.Fatal(err)
		}
		s.Signal(syscall.SIGUSR1)
		testkit.Eventually(t, "the workers have "+file, func() bool { return settled(s, old) && exists(file) })
	}
	s := testkit.Start(t, options{App: "logapp:app", Dir: dir, Args: args("--log-config-json log.json")})
	s.Err.Wait(t, `worker 1 is ready`)
	if err := os.WriteFile(filepath.Join(dir, "wait"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Signal(syscall.SIGTTIN)
	testkit.Eventually(t, "the second worker is in its application", func() bool { return exists(filepath.Join(dir, "waits")) })
	rotate(s, file+".1")
	if err := os.WriteFile(release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s.Err.Wait(t, `worker 2 is ready`)
	s.Stop()
	if err := os.Remove(filepath.Join(dir, "wait")); err != nil {
		t.Fatal(err)
	}
	s = testkit.Start(t, options{App: "logapp:app", Dir: dir, Args: args("--log-config-json log.json --preload")})
	s.Err.Wait(t, `worker 1 is ready`)
	rotate(s, file+".2")
	first := s.WaitWorkers(1)
	s.Signal(syscall.SIGTTIN)
	s.Err.Wait(t, `worker 2 is ready`)
	if !settled(s, file+".2") {
		t.Errorf("one of the workers after %v writes to the file that was moved away", first)
	}
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// written counts the lines of a file.
func written(file string) int {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	return strings.Count(string(text), "\n")
}

// settled reports whether no worker has the file open any more.
func settled(s *testkit.Server, file string) bool {
	for _, w := range s.Workers() {
		for _, open := range w.Descriptors() {
			if open == file {
				return false
			}
		}
	}
	return true
}

// TestPaste serves the application of a PasteDeploy file, with a variable of its global configuration.
func TestPaste(t *testing.T) {
	t.Parallel()
	dir := testkit.AppFolder(t, map[string]string{
		"pasted.py": `
def make(global_conf, **settings):
    def app(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [("%s %s" % (global_conf["shop"], settings["word"])).encode()]
    return app
`,
		"dev.ini": "[app:main]\nuse = call:pasted:make\nword = main\n\n[app:admin]\nuse = call:pasted:make\nword = admin\n",
	})
	for file, want := range map[string]string{"dev.ini": "books main", "dev.ini#admin": "books admin"} {
		s := testkit.Start(t, options{Dir: dir, Args: []string{"--paste", file, "--paste-global", "shop=books"}})
		if r := s.Get("/"); string(r.Body) != want {
			t.Errorf("%s: %q, want %q", file, r.Body, want)
		}
	}
}

// TestSpew prints every line of Python that runs.
func TestSpew(t *testing.T) {
	t.Parallel()
	dir := testkit.AppFolder(t, map[string]string{"logapp.py": loggingApp})
	s := testkit.Start(t, options{App: "logapp:app", Dir: dir, Args: args("--spew")})
	s.Get("/")
	s.Out.Wait(t, `^logapp:\d+:     return \[b"hi"\]$`)
}

// TestLoggersOfPyPy has Python's logging set up there, too.
func TestLoggersOfPyPy(t *testing.T) {
	t.Parallel()
	dir := testkit.AppFolder(t, map[string]string{"logapp.py": loggingApp, "gunicorn.conf.py": loggingConf})
	s := testkit.Start(t, options{App: "logapp:app", Dir: dir, Python: testkit.PyPy()})
	s.Get("/a")
	s.Out.Wait(t, `"text": "GET /a 200 2 out"`)
	plain := testkit.Start(t, options{App: "logapp:app", Dir: dir, Python: testkit.PyPy(), Args: args("--config /dev/null")})
	plain.Get("/a")
	plain.Err.Wait(t, `\[INFO\] handlers: 1, level: 20$`)
}
