package test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// complaint is what a user must see of a mistake: the exit status, one line
// that says what and where, and sometimes more below it.
type complaint struct {
	o       options
	code    int
	line    []string // all in the line that begins with "kirin: error:"
	further []string // anywhere on standard error
}

func (c complaint) check(t *testing.T) {
	t.Helper()
	s := testkit.Launch(t, c.o)
	if code := s.ExitCode(); code != c.code {
		t.Errorf("status %d, want %d", code, c.code)
	}
	lines := s.Err.Lines("^kirin: error: ")
	if len(lines) != 1 {
		t.Fatalf("%d lines of error:\n%s", len(lines), s.Err)
	}
	for _, want := range c.line {
		if !matches(want, lines[0]) {
			t.Errorf("the line is %q, without %q", lines[0], want)
		}
	}
	for _, want := range c.further {
		if !s.Err.Has(want) {
			t.Errorf("nothing like %q in:\n%s", want, s.Err)
		}
	}
	if s.Err.Has("goroutine") || s.Err.Has("kirin_worker/") && c.code == 4 {
		t.Errorf("kirin's own code shows in what a user sees:\n%s", s.Err)
	}
}

func TestApplicationDoesNotLoad(t *testing.T) {
	t.Parallel()
	broken := filepath.Join(testkit.Apps(), "broken")
	for app, c := range map[string]complaint{
		"no_such_module:app":          {line: []string{"no_such_module"}},
		"no.such.package:app":         {line: []string{`no`}},
		"syntax_error:app":            {line: []string{"SyntaxError|syntax"}, further: []string{`syntax_error\.py", line 4`, `def app`}},
		"import_error:app":            {line: []string{"no_such_module_anywhere"}, further: []string{`import_error\.py", line 3`, "ModuleNotFoundError"}},
		"raises:app":                  {line: []string{"the database is not there"}, further: []string{`raises\.py", line 3`, "RuntimeError"}},
		"exits:app":                   {line: []string{"this application refuses to start|SystemExit"}},
		"../factory:no_such_name":     {line: []string{"no_such_name", "factory"}},
		"../factory:Holder.Inner.no":  {line: []string{"no"}},
		"../factory:text":             {line: []string{"callable", "text"}},
		"../factory:create_nothing()": {line: []string{"create_nothing", "None"}},
		"../factory:create_failure()": {line: []string{"the factory fails"}, further: []string{`factory\.py", line \d+, in create_failure`}},
		"../factory:create_app(1, 2)": {line: []string{"create_app"}},
		"../factory:create_app(x)":    {line: []string{"create_app|literal"}},
		"../factory:create_app(":      {line: []string{`create_app\(`}},
		"../factory:":                 {line: []string{"factory"}},
	} {
		t.Run(app, func(t *testing.T) {
			t.Parallel()
			c.o.Dir, c.o.App, c.code = broken, app, 4
			if name, ok := strings.CutPrefix(app, "../"); ok {
				c.o.Dir, c.o.App = testkit.Apps(), name
			}
			c.check(t)
		})
	}
}

// TestWorkerDoesNotStart has a worker that ends before it says why.
func TestWorkerDoesNotStart(t *testing.T) {
	t.Parallel()
	c := complaint{code: 3, line: []string{"(?i)worker"}}
	c.o = options{App: "dies:app", Dir: filepath.Join(testkit.Apps(), "broken")}
	c.check(t)
}

func TestAddressIsTaken(t *testing.T) {
	t.Parallel()
	first := testkit.Start(t, options{App: "hello:app"})
	first.Get("/")
	c := complaint{code: 1, line: []string{first.Addr, "(?i)in use"}}
	c.further = []string{fmt.Sprint(first.PID())} // the process that holds it, which can be seen here
	c.o = options{App: "hello:app", Bind: []string{first.Addr}}
	c.check(t)
	wantStatus(t, first.Get("/"), 200)
}

func TestAddressCannotBeUsed(t *testing.T) {
	t.Parallel()
	long := "unix:/tmp/" + strings.Repeat("long/", 30) + "socket"
	for bind, c := range map[string]complaint{
		long:                          {code: 2, line: []string{"(?i)long|107|108"}},
		"unix:/no/such/folder/socket": {code: 1, line: []string{"/no/such/folder"}},
		"192.0.2.1:" + fmt.Sprint(testkit.FreePort()): {code: 1, line: []string{"192.0.2.1"}},
		"127.0.0.1:99999": {code: 2, line: []string{"99999"}},
		"127.0.0.1:port":  {code: 2, line: []string{"port"}},
		"fd://77":         {code: 1, line: []string{"77"}},
		"fd://x":          {code: 2, line: []string{"fd://x"}},
	} {
		t.Run(bind, func(t *testing.T) {
			t.Parallel()
			c.o = options{App: "hello:app", Bind: []string{bind}}
			c.check(t)
		})
	}
}

// TestLowPort wants the rule about ports below 1024 named when one may not be bound.
func TestLowPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:81")
	if err == nil { // allowed here: by root's rights, or by the machine's settings
		l.Close()
		s := testkit.Launch(t, options{App: "hello:app", Bind: []string{"127.0.0.1:81"}, Front: []string{"setpriv", "--reuid=65534", "--clear-groups", "--bounding-set=-all", "--inh-caps=-all"}})
		if os.Getuid() != 0 {
			return // cannot give up rights that one does not have
		}
		if code := s.ExitCode(); code != 1 {
			t.Errorf("status %d", code)
		}
		s.Err.Wait(t, "^kirin: error: .*81.*")
		s.Err.Wait(t, "1024|CAP_NET_BIND_SERVICE|privileged")
		return
	}
	complaint{code: 1, o: options{App: "hello:app", Bind: []string{"127.0.0.1:81"}}, line: []string{"81"}, further: []string{"1024|CAP_NET_BIND_SERVICE|privileged"}}.check(t)
}

func TestInterpreter(t *testing.T) {
	t.Parallel()
	old := folder(t, map[string]string{"python": "#!/bin/sh\necho 'Python 2.7.18' >&2\nexit 1\n"})
	if err := os.Chmod(filepath.Join(old, "python"), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]complaint{
		"missing":        {o: options{Python: "/no/such/python"}, line: []string{"/no/such/python"}},
		"no interpreter": {o: options{Python: "/bin/true"}, line: []string{"/bin/true"}},
		"too old":        {o: options{Python: filepath.Join(old, "python")}, line: []string{filepath.Join(old, "python")}},
		"no executable":  {o: options{Python: "/etc/passwd"}, line: []string{"/etc/passwd"}},
		"nowhere":        {o: options{Python: testkit.NoPython, Env: []string{"PATH=/nowhere"}}, line: []string{"(?i)python"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c.o.App = "hello:app"
			s := testkit.Launch(t, c.o)
			if code := s.ExitCode(); code < 1 || code > 3 {
				t.Errorf("status %d", code)
			}
			for _, want := range c.line {
				s.Err.Wait(t, "^kirin: error: .*"+want)
			}
		})
	}
}

// TestUsage has mistakes on the command line.
func TestUsage(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"--no-such-option hello:app":          "no-such-option",
		"--worker hello:app":                  "worker",
		"--workers many hello:app":            "many",
		"--workers -1 hello:app":              "-1",
		"--worker-class gevnt hello:app":      "gevent",
		"--worker-class shop.Mine hello:app":  "there are auto, sync, gthread, gevent, gevent-websocket, eventlet, tornado, asgi",
		"--certfile x --keyfile y hello:app":  "certfile|keyfile",
		"--statsd-host localhost:x hello:app": "statsd",
		"--chdir /no/such/folder hello:app":   "/no/such/folder",
		"--user nosuchuser hello:app":         "nosuchuser",
		"--env NOVALUE hello:app":             "NOVALUE",
		"--log-level loud hello:app":          "loud",
		"--config /no/such/conf.py hello:app": "/no/such/conf.py",
		"--umask 999 hello:app":               "777",
		"hello:app other:app":                 "other:app",
		"hello.py":                            `hello\.py`,
		"":                                    "(?i)application",
	} {
		t.Run(line, func(t *testing.T) {
			t.Parallel()
			complaint{code: 2, line: []string{want}, o: options{Args: args(line)}}.check(t)
		})
	}
}
