package systemd

import (
	"regexp"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }

// own is the service's entries that are not systemd's about it.
func (s *shop) own(q box.Query) []box.Entry {
	s.t.Helper()
	q.Unit = service
	return box.Find(s.Journal(q), func(e box.Entry) bool { return e.Get("_PID") != "1" })
}

// TestJournal wants what front and workers have to say in the journal: of the right
// unit and level, with neither prefixes nor time stamps in the text.
func TestJournal(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{App: "errors:app", Args: "--log-level debug"})
	started := s.own(box.Query{})
	for pattern, level := range map[string]int{"^Starting kirin": 6, "^Listening at: http://127.0.0.1:8000": 6} {
		if found := box.Find(started, box.Says(pattern)); len(found) != 1 || found[0].Priority() != level {
			t.Errorf("%s: %v; want one of level %d", pattern, found, level)
		}
	}
	mark := s.Mark()
	s.get("/before-headers", 500)
	s.WaitJournal(box.Query{Unit: service, After: mark}, "the exception", box.Says("ValueError: raised before the headers"))
	trace := box.Find(s.own(box.Query{After: mark}), func(e box.Entry) bool { return e.Priority() == 3 })
	text := box.Text(trace)
	for _, want := range []string{"GET /before-headers", "Traceback (most recent call last):", `errors.py", line `, "in before_headers", "ValueError: raised"} {
		if !strings.Contains(text, want) {
			t.Errorf("the traceback lacks %q:\n%s", want, text)
		}
	}
	for _, e := range s.own(box.Query{}) {
		if e.Get("_SYSTEMD_UNIT") != service || e.Get("SYSLOG_IDENTIFIER") != "kirin" {
			t.Errorf("of unit %s and identifier %s: %v", e.Get("_SYSTEMD_UNIT"), e.Get("SYSLOG_IDENTIFIER"), e)
		}
		if matches(`^<\d>|^\[\d{4}-|^\d{4}-\d\d-\d\d|^time=|\[(INFO|ERROR)\]`, e.Message()) {
			t.Errorf("a prefix in the text: %v", e)
		}
	}
}

// TestOutput wants what an application prints in the journal, line by line, as soon as the line is there.
func TestOutput(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{App: "prints:app", Files: map[string]string{"prints.py": `import os
import sys


def app(environ, start_response):
    print("printed by", os.getpid())
    print("complained", file=sys.stderr)
    print("reported", file=environ["wsgi.errors"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d" % os.getpid()]
`}})
	pid := string(s.get("/", 200).Body)
	for _, line := range []string{"printed by " + pid, "complained", "reported"} {
		e := s.WaitJournal(box.Query{Unit: service}, line, box.Says("^"+line+"$"))
		// Lines that go through stdout and stderr bear the name of who opened the stream: the front.
		if e.Get("_SYSTEMD_UNIT") != service || e.Priority() != 6 {
			t.Errorf("%v of unit %s", e, e.Get("_SYSTEMD_UNIT"))
		}
	}
}

// TestHang wants a request that takes too long to be answered 504, the stack in the
// journal to name where it stood, and the unit to go on with another worker.
func TestHang(t *testing.T) {
	t.Parallel()
	for name, args := range map[string]string{
		"sync":    "--timeout 1 --workers 1",
		"gthread": "--timeout 1 --graceful-timeout 1 --workers 1 --worker-class gthread --threads 2",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := startShop(t, options{App: "hang:app", Args: args})
			front := s.Property(service, "MainPID")
			s.get("/lock", 504)
			s.WaitJournal(box.Query{Unit: service}, "the stack", box.Says(`line \d+,? in wait_for_a_lock$`))
			s.get("/", 200)
			s.want(map[string]string{"MainPID": front, "ActiveState": "active", "NRestarts": "0"})
			// The worker is kirin's to end, not systemd's: the unit's watchdog is not set.
			if found := s.find(box.Query{Unit: service}, "Watchdog timeout|core dumped"); len(found) > 0 {
				t.Errorf("in the journal: %v", found)
			}
		})
	}
}

// TestAccessLog wants the access log in the journal as plain lines.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{Args: "--access-logfile -"})
	s.get("/seen?x=1", 200)
	e := s.WaitJournal(box.Query{Unit: service}, "the access", box.Says(`"GET /seen\?x=1 HTTP/1.1" 200 `))
	if e.Priority() != 6 {
		t.Errorf("its level is %d", e.Priority())
	}
}
