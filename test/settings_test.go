package test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestPrecedence wants the command line above GUNICORN_CMD_ARGS above the file above the environment.
func TestPrecedence(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name            string
		file, cmd, flag bool
		want            int
	}{
		{"environment", false, false, false, 2},
		{"file", true, false, false, 3},
		{"GUNICORN_CMD_ARGS", true, true, false, 4},
		{"command line", true, true, true, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			o := options{App: "hello:app", Dir: folder(t, map[string]string{"hello.py": appFile(t, "hello.py")}), Env: []string{"WEB_CONCURRENCY=2"}}
			if c.file {
				write(t, filepath.Join(o.Dir, "gunicorn.conf.py"), "import os\nworkers = len('abc')\n")
			}
			if c.cmd {
				o.Env = append(o.Env, "GUNICORN_CMD_ARGS=--workers=4 --name 'a b'")
			}
			if c.flag {
				o.Args = args("-w 5")
			}
			testkit.Start(t, o).WaitWorkers(c.want)
		})
	}
}

// TestConfigFile has a file as people have it: with imports, a computation, several settings, an application.
func TestConfigFile(t *testing.T) {
	t.Parallel()
	addr := testkit.FreeAddr()
	dir := folder(t, map[string]string{
		"environ.py": appFile(t, "environ.py"),
		"conf/site.py": fmt.Sprintf(`
import multiprocessing
from pathlib import Path

bind = %q
workers = min(2, multiprocessing.cpu_count() * 2 + 1)
worker_class = "gthread"
threads = 3
raw_env = ["FROM_FILE=" + Path(__file__).name]
wsgi_app = "environ:app"
secure_scheme_headers = {"X-TLS": "yes"}
accesslog = "-"
_private = object()
`, addr),
	})
	s := testkit.Launch(t, options{Dir: dir, Bind: testkit.NoBind, Args: args("--config conf/site.py")})
	s.Addr = addr
	s.WaitAccepts()
	s.WaitWorkers(2)
	c := s.Dial()
	c.Send("GET / HTTP/1.1\r\n%sX-TLS: yes\r\n\r\n", host)
	env := decode[map[string]any](t, c.Response("GET"))
	if env["wsgi.url_scheme"] != "https" || env["wsgi.multithread"] != true {
		t.Errorf("scheme %v, multithread %v", env["wsgi.url_scheme"], env["wsgi.multithread"])
	}
	s.URL = "http://" + addr
	if p := about(t, s); p.Env["FROM_FILE"] != "site.py" {
		t.Errorf("FROM_FILE is %q", p.Env["FROM_FILE"])
	}
	s.Out.Wait(t, "GET / HTTP/1.1")
}

// TestConfigFileMistakes wants the file, the line and Python's own words.
func TestConfigFileMistakes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text string
		code int
		want []string
	}{
		"raises":         {"workers = 1\nraise RuntimeError('no database')\n", 2, []string{"no database", `gunicorn\.conf\.py", line 2`}},
		"syntax":         {"workers = \n", 2, []string{`gunicorn\.conf\.py`, "syntax"}},
		"wrong type":     {"workers = 'many'\n", 2, []string{"workers", "many", `gunicorn\.conf\.py`}},
		"exits":          {"import sys\nsys.exit(3)\n", 2, []string{`gunicorn\.conf\.py`}},
		"bad class name": {"worker_class = 'gevnt'\n", 2, []string{"gevnt"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"hello.py": appFile(t, "hello.py"), "gunicorn.conf.py": c.text})
			s := testkit.Launch(t, options{App: "hello:app", Dir: dir})
			if code := s.ExitCode(); code != c.code {
				t.Errorf("status %d, want %d", code, c.code)
			}
			if n := len(s.Err.Lines("^kirin: error:")); n != 1 {
				t.Errorf("%d lines of error", n)
			}
			for _, want := range c.want {
				if !s.Err.Has(want) {
					t.Errorf("nothing like %q", want)
				}
			}
		})
	}
	t.Run("unknown", func(t *testing.T) {
		t.Parallel()
		dir := folder(t, map[string]string{"hello.py": appFile(t, "hello.py"), "gunicorn.conf.py": "wrokers = 2\nspeed = 3\n"})
		s := testkit.Start(t, options{App: "hello:app", Dir: dir})
		s.Err.Wait(t, "wrokers.*workers")
	})
}

// TestCheckConfig wants the application loaded and nothing served.
func TestCheckConfig(t *testing.T) {
	t.Parallel()
	good := testkit.Launch(t, options{App: "hello:app", Args: args("--check-config")})
	if code := good.ExitCode(); code != 0 {
		t.Errorf("a good configuration: status %d", code)
	}
	for app, logged := range map[string]string{
		"no_such_module:app": "no_such_module", "errors:no_such_name": "no_such_name", "broken.syntax_error:app": "syntax",
	} {
		s := testkit.Launch(t, options{App: app, Args: args("--check-config")})
		if code := s.ExitCode(); code == 0 {
			t.Errorf("%s: status 0", app)
		}
		s.Err.Wait(t, logged)
	}
	bad := testkit.Launch(t, options{App: "hello:app", Args: args("--check-config --workers many")})
	if code := bad.ExitCode(); code != 2 {
		t.Errorf("a bad flag: status %d", code)
	}
}

// TestPrintConfig wants every setting with its value.
func TestPrintConfig(t *testing.T) {
	t.Parallel()
	s := testkit.Launch(t, options{App: "hello:app", Args: args("--print-config --workers 3 --env A=1")})
	if code := s.ExitCode(); code != 0 {
		t.Errorf("status %d", code)
	}
	for _, want := range []string{`(?i)^workers\s*=?\s*3$`, `timeout\s*=?\s*30$`, `raw_env.*A=1`} {
		if !s.Out.Has(want) {
			t.Errorf("nothing like %q in:\n%s", want, s.Out)
		}
	}
}

// TestPort wants the variable PORT to mean what platforms mean by it.
func TestPort(t *testing.T) {
	t.Parallel()
	port := testkit.FreePort()
	s := testkit.Launch(t, options{App: "hello:app", Bind: testkit.NoBind, Env: []string{fmt.Sprintf("PORT=%d", port)}})
	s.Err.Wait(t, "(?i)listening")
	wantStatus(t, s.DialTo(fmt.Sprintf("127.0.0.1:%d", port)).Get("/"), 200)
}

// TestCommand looks at what is no server: the version, the help, completion.
func TestCommand(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"version": "kirin", "--version": "kirin", "help": "run", "run --help": "--worker-class", "completion bash": "complete",
	} {
		out, err := exec.Command(testkit.Binary(t, false), args(line)...).Output()
		if err != nil || !strings.Contains(string(out), want) {
			t.Errorf("kirin %s: %v, without %q:\n%s", line, err, want, out)
		}
	}
}
