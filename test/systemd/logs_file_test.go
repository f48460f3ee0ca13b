package systemd

import (
	"strings"
	"testing"
)

// TestAccessLogFile wants the access log in a file where the sandbox lets it be, and a rotation as docs/logs.md has it.
func TestAccessLogFile(t *testing.T) {
	t.Parallel()
	const log = "/var/log/kirin/shop/access.log"
	s := newAppShop(t, logConf("hello:app", "AccessLog="+log))
	s.get("/first", 200)
	s.Await("the request's line", func() bool { return strings.Contains(s.ReadFile(log), "GET /first ") })
	s.Exec("mv", log, log+".1")
	s.Systemctl("kill", "--kill-who=main", "--signal=USR1", "kirin@*.service")
	s.Await("a new file", func() bool { return s.Try("test", "-e", log).Status == 0 })
	s.get("/second", 200)
	s.Await("the line after the rotation", func() bool { return strings.Contains(s.ReadFile(log), "GET /second ") })
	if old := s.ReadFile(log + ".1"); strings.Contains(old, "/second") || strings.Count(old, "\n") != 1 {
		t.Errorf("the file before has\n%s", old)
	}
}

// TestLogNamespace wants an application to have a journal of its own when its units ask for that.
func TestLogNamespace(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, logConf("hello:app", "AccessLog=journal", "[Front]", "LogNamespace=shop"))
	s.get("/found", 200)
	s.Await("the request", func() bool {
		return strings.Contains(s.Output("journalctl", "--namespace=shop", "KIRIN_APP=shop", "HTTP_STATUS=200"), "GET /found ")
	})
	if main := s.matching("KIRIN_APP=shop", "HTTP_STATUS=200"); len(main) > 0 {
		t.Errorf("in the journal of all: %v", main)
	}
}
