package systemd

import (
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// explained is what "journalctl --catalog" shows of the entries that match.
func (s *shop) explained(fields ...string) string {
	s.t.Helper()
	return s.Output(append([]string{"journalctl", "--no-pager", "--catalog", "--output=short"}, fields...)...)
}

// TestCatalog wants journalctl to take the catalog and to explain kirin's messages by it, with what the entries have filled in.
func TestCatalog(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	s.Exec("journalctl", "--update-catalog")
	if n := strings.Count(s.Output("journalctl", "--list-catalog"), "kirin: "); n != 13 {
		t.Errorf("the catalog has %d entries of kirin's", n)
	}
	mark := s.Mark()
	write(t, s.dir+"/version.py", "raise RuntimeError('not today')\n")
	s.Try("systemctl", "reload", appFront)
	s.deploy("2")
	s.Systemctl("reload", appFront)
	s.Exec("kill", "-9", s.waitWorkers(2)[0]) // none that is ending
	s.WaitJournal(box.Query{Unit: appFront, After: mark}, "the death of a worker", box.Says("^worker .* is gone"))
	wantIn(t, "the catalog", s.explained("KIRIN_APP=shop"),
		"Subject: The application was not reloaded", "The new settings or the new code of shop are no good",
		"systemctl reload kirin@shop\n", "Subject: The application was reloaded", "Subject: A worker is gone", "although nobody has asked it to",
	)
	s.WriteFile("/etc/kirin/shop.conf", "[App]\nWrokers=1\n")
	s.Systemctl("daemon-reload")
	s.Try("systemctl", "restart", appSocket)
	wantIn(t, "the catalog", s.explained("-u", appSocket), "did you mean Workers?", "Subject: A configuration cannot be used")
}

// TestOneEntry wants a message of several lines to be one entry of the front's, of the right priority and with its fields.
func TestOneEntry(t *testing.T) {
	t.Parallel()
	s := startAppShop(t)
	mark := s.Mark()
	write(t, s.dir+"/version.py", "raise RuntimeError('not today')\n")
	s.Try("systemctl", "reload", appFront)
	said := s.Journal(box.Query{Unit: appFront, After: mark, Match: []string{"_SYSTEMD_UNIT=" + appFront, "PRIORITY=3"}})
	for i, first := range []string{"worker 3 did not start: RuntimeError: not today", "reload failed: worker 3", "kirin: error: worker 3"} {
		if len(said) != 3 || !strings.HasPrefix(said[i].Message(), first) || said[i].Get("SYSLOG_IDENTIFIER") != "kirin" {
			t.Fatalf("the front says %v", said)
		}
	}
	wantFields(t, said[0], map[string]string{"KIRIN_APP": "shop", "WORKER": "3"})
	wantIn(t, "the entry", said[0].Message(),
		"\nTraceback (most recent call last):\n", `File "/srv/shop/version.py", line 1`, "\nRuntimeError: not today\nthe old workers serve on")
}
