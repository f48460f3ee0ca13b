package systemd

import (
	"regexp"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// ids are MESSAGE_IDs, by what kirin.catalog says of them.
func (s *shop) ids(subject string) string {
	s.t.Helper()
	m := regexp.MustCompile(`(?m)^-- ([0-9a-f]{32})\nSubject: ` + regexp.QuoteMeta(subject) + "$").FindStringSubmatch(s.ReadFile("/usr/lib/systemd/catalog/kirin.catalog"))
	if m == nil {
		s.t.Fatalf("the catalog has no %q", subject)
	}
	return m[1]
}

// ofWorkers is the entries of the workers' units that are not systemd's about them.
func (s *appShop) ofWorkers(after box.Cursor) []box.Entry {
	s.t.Helper()
	return box.Find(s.Journal(box.Query{After: after}), func(e box.Entry) bool {
		return strings.HasPrefix(e.Get("_SYSTEMD_UNIT"), "kirin-worker@shop:") && e.Get("_PID") != "1"
	})
}

// one is the only entry that the workers have written.
func (s *appShop) one(after box.Cursor) box.Entry {
	s.t.Helper()
	all := s.ofWorkers(after)
	if len(all) != 1 {
		s.t.Fatalf("%d entries:\n%s", len(all), box.Text(all))
	}
	return all[0]
}

// raises is an application of each kind that raises, some of them in a library.
var raises = map[string]string{
	"wsgi.py": `import json
import logging
import threading

logging.getLogger("shop.cart").warning("loaded\nin two lines")

def view(environ):
    json.loads("{]")

def errand():
    raise KeyError("in a thread")

def app(environ, start_response):
    if environ["PATH_INFO"] == "/thread":
        thread = threading.Thread(target=errand, name="errands")
        thread.start()
        thread.join()
    elif environ["PATH_INFO"] == "/long":
        raise ValueError("x" * 3000000)
    elif environ["PATH_INFO"] == "/log":
        logging.getLogger("shop.cart").error("no more\nof these")
        print("printed")
        print("<5>noticed\n<3>complained", file=environ["wsgi.errors"])
    else:
        view(environ)
    start_response("200 OK", [])
    return []
`,
	"asgi.py": `async def view(scope):
    raise ValueError("of\nmany\nlines")

async def app(scope, receive, send):
    assert scope["type"] == "http"
    await view(scope)
`,
	"flasks.py": `from flask import Flask
app = Flask(__name__)

@app.route("/basket")
def view():
    raise ValueError("empty")
`,
}

// newRaising is a shop with those applications.
func newRaising(t *testing.T, application string, lines ...string) *appShop {
	t.Helper()
	s := newAppShop(t, logConf(application, append(lines, "AccessLog=journal")...))
	for name, text := range raises {
		write(t, s.dir+"/"+name, text)
	}
	return s
}

// TestExceptionIsOneEntry wants what an application does not catch to be one entry, with the place, the request and the worker.
func TestExceptionIsOneEntry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		application, file, line string
		lines                   []string
	}{
		"sync":    {"wsgi:app", "wsgi.py", "8", []string{"WorkerClass=sync"}},
		"gthread": {"wsgi:app", "wsgi.py", "8", []string{"WorkerClass=gthread", "Threads=4"}},
		"asgi":    {"asgi:app", "asgi.py", "2", nil},
		"flask":   {"flasks:app", "flasks.py", "6", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newRaising(t, c.application, c.lines...)
			s.Systemctl("start", appFront)
			s.waitWorkers(2)
			mark := s.Mark()
			r := s.get("/basket?a=%0a", 500)
			if strings.Contains(string(r.Body), "Traceback") {
				t.Error("the client sees the traceback")
			}
			e := s.one(mark)
			access := s.matching("HTTP_STATUS=500")
			if len(access) != 1 {
				t.Fatalf("the access log: %v", access)
			}
			wantFields(t, e, map[string]string{
				"PRIORITY": "3", "CODE_FILE": "/srv/shop/" + c.file, "CODE_LINE": c.line, "CODE_FUNC": "view", "KIRIN_APP": "shop",
				"HTTP_METHOD": "GET", "HTTP_TARGET": "/basket?a=%0a", "REQUEST_ID": access[0].Get("REQUEST_ID"), "WORKER": access[0].Get("WORKER"),
				"SYSLOG_IDENTIFIER": "shop", "_SYSTEMD_UNIT": "kirin-worker@shop:" + access[0].Get("WORKER") + ".service",
			})
			wantIn(t, "the message", e.Message(), "\nTraceback (most recent call last):\n", `  File "/srv/shop/`+c.file+`", line `+c.line, "Error: ")
			if name != "flask" { // which caught it, after all
				wantFields(t, e, map[string]string{"MESSAGE_ID": s.ids("The application raised an exception")})
			}
		})
	}
}

// TestApplicationLogs wants what an application logs to arrive with its level, its place and its request, and what it prints by lines.
func TestApplicationLogs(t *testing.T) {
	t.Parallel()
	s := newRaising(t, "wsgi:app", "Workers=1")
	s.Systemctl("start", appFront)
	loaded := box.Find(s.ofWorkers(""), box.Says("^loaded$"))
	if len(loaded) != 1 {
		t.Fatalf("%v", loaded)
	}
	wantFields(t, loaded[0], map[string]string{
		"MESSAGE": "loaded\nin two lines", "PRIORITY": "4", "LOGGER": "shop.cart", "CODE_FILE": "/srv/shop/wsgi.py", "CODE_LINE": "5",
		"KIRIN_APP": "shop", "WORKER": "1", "SYSLOG_IDENTIFIER": "shop",
	})
	mark := s.Mark()
	s.get("/log", 200)
	var text []string
	for _, e := range s.ofWorkers(mark) {
		text = append(text, e.Get("PRIORITY")+e.Message())
		if e.Get("SYSLOG_IDENTIFIER") != "shop" || (e.Priority() == 3) != (e.Get("HTTP_TARGET") == "/log") && e.Message() != "complained" {
			t.Errorf("identifier %s, of the request %q: %v", e.Get("SYSLOG_IDENTIFIER"), e.Get("HTTP_TARGET"), e)
		}
	}
	if got := strings.Join(text, "|"); got != "3no more\nof these|6printed|5noticed|3complained" && got != "6printed|5noticed|3complained|3no more\nof these" {
		t.Errorf("arrived: %q", got)
	}
	mark = s.Mark()
	s.get("/thread", 200)
	e := s.one(mark)
	wantFields(t, e, map[string]string{"PRIORITY": "3", "CODE_FUNC": "errand", "CODE_FILE": "/srv/shop/wsgi.py"})
	wantIn(t, "the message", e.Message(), "error in the thread errands\nTraceback", "KeyError: 'in a thread'")
	mark = s.Mark()
	s.get("/long", 500)
	if e := s.one(mark); len(e.Message()) < 3_000_000 || e.Priority() != 3 {
		t.Errorf("a large message has %d bytes, and the level %d", len(e.Message()), e.Priority())
	}
}

// TestLoadFailureIsOneEntry wants an application that cannot be loaded to be one entry of the worker's, with the place.
func TestLoadFailureIsOneEntry(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, line, function, message string }{
		"raises": {"import os\ndef f():\n    os.path.join(7)\nf()\n", "3", "f", `/^TypeError: .*\nTraceback [\s\S]*in f\n[\s\S]*$/`},
		"syntax": {"a b\n", "1", "", `/^SyntaxError: invalid syntax .*\n[\s\S]*$/`},
		"exits":  {"raise SystemExit", "1", "<module>", `/^module broken called sys.exit[\s\S]*$/`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAppShop(t, logConf("broken:app", "Workers=1"))
			write(t, s.dir+"/broken.py", c.text)
			if r := s.Try("systemctl", "start", appFront); r.Status == 0 {
				t.Error("it starts")
			}
			found := s.matching("MESSAGE_ID="+s.ids("A worker cannot load the application"), "_SYSTEMD_UNIT=kirin-worker@shop:1.service")
			if len(found) == 0 {
				t.Fatal("nothing in the journal")
			}
			wantFields(t, found[0], map[string]string{
				"MESSAGE": c.message, "CODE_FILE": "/srv/shop/broken.py", "CODE_LINE": c.line, "CODE_FUNC": c.function,
				"PRIORITY": "3", "KIRIN_APP": "shop", "WORKER": "1", "SYSLOG_IDENTIFIER": "shop",
			})
			started := s.matching("MESSAGE_ID=" + s.ids("A worker did not start"))
			if len(started) == 0 || started[0].Get("_SYSTEMD_UNIT") != appFront {
				t.Errorf("the front says %v", started)
			}
		})
	}
}

// TestStacksAreOneEntry wants a request that takes too long to be named with its place, and the stacks of all threads in one entry; those of
// an interpreter that cannot speak any more arrive by lines of the right level.
func TestStacksAreOneEntry(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, logConf("hang:app", "Timeout=1", "Workers=1", "WorkerClass=gthread", "Threads=2", "GracefulTimeout=1"))
	s.Systemctl("start", appFront)
	mark := s.Mark()
	s.get("/lock", 504)
	s.WaitState("kirin-worker@shop:1.service", "failed")
	said := box.Find(s.ofWorkers(mark), func(e box.Entry) bool { return e.Priority() < 4 })
	if len(said) != 2 {
		t.Fatalf("the worker says %v", said)
	}
	place := map[string]string{"CODE_FILE": "/srv/shop/hang.py", "CODE_FUNC": "wait_for_a_lock", "HTTP_METHOD": "GET", "HTTP_TARGET": "/lock", "REQUEST_ID": `/^\w{16}$/`}
	wantFields(t, said[0], map[string]string{"PRIORITY": "2", "MESSAGE": "request over its time (1 s): GET /lock"})
	wantFields(t, said[0], place)
	wantFields(t, said[1], map[string]string{"PRIORITY": "3", "SYSLOG_IDENTIFIER": "shop", "KIRIN_APP": "shop", "WORKER": "1"})
	wantIn(t, "the stacks", said[1].Message(), "where the threads stand\n", "in wait_for_a_lock\n")
	timeouts := s.matching("MESSAGE_ID=" + s.ids("A request took too long"))
	if len(timeouts) != 1 {
		t.Fatalf("the front says %v", timeouts)
	}
	wantFields(t, timeouts[0], map[string]string{"PRIORITY": "4", "REQUEST_ID": said[0].Get("REQUEST_ID"), "WORKER": "1", "_SYSTEMD_UNIT": appFront})

	mark = s.Mark()
	s.get("/regex", 504)
	s.WaitJournal(box.Query{After: mark}, "the stack", box.Says("in loop_with_the_gil$"))
	for _, e := range box.Find(s.ofWorkers(mark), box.Says("^Fatal Python error|^Current thread|^  File ")) {
		wantFields(t, e, map[string]string{"PRIORITY": "3", "SYSLOG_IDENTIFIER": "shop"})
	}
}
