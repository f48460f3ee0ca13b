package test

import (
	"fmt"
	"net/http"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestServerHeader wants the Server field to be what the setting says, or what the file has put into the gunicorn module, also of refusals and after
// a reload; and a patch that nothing asks for to be told.
func TestServerHeader(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ conf, want string }{
		"default":  {"", "[kirin]"},
		"setting":  {"server_header = 'shop 1'\n", "[shop 1]"},
		"none":     {"server_header = ''\n", "[]"},
		"SERVER":   {"import gunicorn\ngunicorn.SERVER = 'x'\n", "[x]"},
		"SOFTWARE": {"import gunicorn\ngunicorn.SERVER_SOFTWARE = 'y/1'\n", "[y/1]"},
		"empty":    {"import gunicorn\ngunicorn.SERVER = ''\n", "[]"},
		"both":     {"import gunicorn\ngunicorn.SERVER = 'x'\nserver_header = 'mine'\n", "[mine]"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, map[string]string{"hello.py": appFile(t, "hello.py"), "gunicorn.conf.py": c.conf})
			s := testkit.Start(t, options{App: "hello:app", Dir: dir})
			for _, long := range []int{1, 9000} { // the longer field is refused
				got := fmt.Sprint(s.Do("GET", "/", http.Header{"X-Long": {strings.Repeat("a", long)}}, nil).Header.Values("Server"))
				if got != c.want {
					t.Errorf("with a field of %d bytes Server is %s, want %s", long, got, c.want)
				}
			}
			if name == "SERVER" {
				write(t, filepath.Join(dir, "gunicorn.conf.py"), "server_header = 'anew'\n")
				s.Signal(syscall.SIGHUP)
				s.Err.Wait(t, "reloaded")
				if got := s.Get("/").Header.Get("Server"); got != "anew" {
					t.Errorf("after a reload it is %q", got)
				}
			}
		})
	}
}

// TestServerHeaderMistakes wants a value that would break the head refused, and other patches of the module told.
func TestServerHeaderMistakes(t *testing.T) {
	t.Parallel()
	for value, code := range map[string]int{"a\r\nSet-Cookie: b": 2, "é": 2} {
		s := testkit.Launch(t, options{App: "hello:app", Args: []string{"--server-header", value}})
		if got := s.ExitCode(); got != code {
			t.Errorf("%q: status %d", value, got)
		}
		s.Err.Wait(t, "server.header.*is not the value of a header")
	}
	dir := folder(t, map[string]string{"hello.py": appFile(t, "hello.py"), "gunicorn.conf.py": `
from gunicorn import glogging
from gunicorn.arbiter import Arbiter

def now(self):
    return "now"

def spawn(self: Arbiter):
    pass

glogging.Logger.now = now
Arbiter.spawn_worker = spawn
glogging.Logger.access_fmt = "mine %(message)s"
`})
	s := testkit.Start(t, options{App: "hello:app", Dir: dir})
	s.Err.Wait(t, `it replaces gunicorn\.glogging\.Logger\.now, which nothing here asks for: give logger_class a class of your own`)
	s.Err.Wait(t, `it replaces gunicorn\.glogging\.Logger\.access_fmt, `)
	s.Err.Wait(t, `it replaces gunicorn\.arbiter\.Arbiter\.spawn_worker, .*docs/hooks.md`)
}
