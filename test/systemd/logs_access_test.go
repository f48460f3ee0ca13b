package systemd

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/kirin-server/kirin/test/box"
)

// logConf is appConf with another application and further lines of [App].
func logConf(application string, lines ...string) string {
	conf := strings.Replace(appConf, "Application=load:app", "Application="+application, 1)
	if strings.Contains(strings.Join(lines, "\n"), "Workers=") {
		conf = strings.Replace(conf, "Workers=2\n", "", 1)
	}
	return strings.Replace(conf, "[Worker]\n", strings.Join(append(lines, "[Worker]\n"), "\n"), 1)
}

// matching is the entries with these fields.
func (s *shop) matching(fields ...string) []box.Entry {
	s.t.Helper()
	return s.Journal(box.Query{Match: fields})
}

// wantFields compares fields of an entry; a value between slashes is a pattern.
func wantFields(t *testing.T, e box.Entry, want map[string]string) {
	t.Helper()
	for name, value := range want {
		got := e.Get(name)
		if pattern, ok := strings.CutPrefix(value, "/"); ok && strings.HasSuffix(pattern, "$/") {
			if !regexp.MustCompile(strings.TrimSuffix(pattern, "/")).MatchString(got) {
				t.Errorf("%s is %q, want %s", name, got, value)
			}
		} else if got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

// TestAccessLogJournal wants each request to be an entry that can be found by what it was.
func TestAccessLogJournal(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, logConf("errors:app", "AccessLog=journal"))
	s.get("/before-headers", 500)
	c := s.Conn(address)
	c.Send("GET /found?a=%%0a HTTP/1.1\r\nHost: test\r\nUser-Agent: a \"b\" \xe9\r\nReferer: http://x/\r\nX-Request-ID: by-a-proxy\r\n\r\n")
	if r := c.Response("GET"); r.Status != 200 {
		t.Fatalf("status %d", r.Status)
	}
	c.Send("POST / HTTP/1.1\r\nHost: test\r\nContent-Length: 3\r\n\r\nabc")
	c.Response("POST")
	worker := `/^[12]$/`
	failed := s.matching("KIRIN_APP=shop", "HTTP_STATUS=500")
	if len(failed) != 1 {
		t.Fatalf("%d entries with status 500: %v", len(failed), failed)
	}
	wantFields(t, failed[0], map[string]string{
		"HTTP_METHOD": "GET", "HTTP_TARGET": "/before-headers", "HTTP_VERSION": "HTTP/1.1", "DURATION_USEC": `/^\d+$/`, "BYTES_SENT": `/^\d+$/`,
		"REMOTE_ADDR": "127.0.0.1", "REQUEST_ID": `/^[0-9a-f]{16}$/`, "WORKER": worker, "PRIORITY": "6", "SYSLOG_IDENTIFIER": "kirin",
		"MESSAGE": `/^127\.0\.0\.1 - - \[.*\] "GET /before-headers HTTP/1\.1" 500 \d+ "-" "-"$/`, "_SYSTEMD_UNIT": appFront, "_TRANSPORT": "journal",
	})
	found := s.matching("KIRIN_APP=shop", "REQUEST_ID=by-a-proxy")
	if len(found) != 1 {
		t.Fatalf("%d entries of the request with an id: %v", len(found), found)
	}
	wantFields(t, found[0], map[string]string{
		"HTTP_TARGET": "/found?a=%0a", "HTTP_USER_AGENT": "a \"b\" \xe9", "HTTP_REFERER": "http://x/", "HTTP_STATUS": "200",
		"BYTES_SENT": "5", "MESSAGE": `/"GET /found\?a=%0a HTTP/1\.1" 200 5 "http://x/" "a \\"b\\" \\xe9"$/`,
	})
	if posts := s.matching("HTTP_METHOD=POST"); len(posts) != 1 {
		t.Errorf("POST: %v", posts)
	}
	all := box.Find(s.matching("KIRIN_APP=shop"), func(e box.Entry) bool { return e.Get("HTTP_STATUS") != "" })
	if len(all) != 3 {
		t.Errorf("the access log has %v", all)
	}
}

// hammer sends GETs for a target, the same number on each connection.
func (s *shop) hammer(connections, each int, target string) {
	s.t.Helper()
	var wg sync.WaitGroup
	for range connections {
		wg.Go(func() {
			c := s.Conn(address)
			for range each {
				if err := c.TrySend("GET " + target + " HTTP/1.1\r\nHost: test\r\n\r\n"); err != nil {
					s.t.Error(err)
					return
				}
				if r, err := c.ReadResponse("GET"); err != nil || r.Status != 200 {
					s.t.Errorf("%+v, %v", r, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// announced is how many entries the front says that the access log lacks.
func (s *shop) announced() (lost int) {
	s.t.Helper()
	for _, e := range s.find(box.Query{Unit: appFront}, "^access log: ") {
		m := regexp.MustCompile(`^access log: (\d+) lost`).FindStringSubmatch(e.Message())
		if m == nil || e.Priority() != 4 {
			s.t.Errorf("the front says %v", e)
			continue
		}
		n, _ := strconv.Atoi(m[1])
		lost += n
	}
	return lost
}

// TestAccessLogIsWhole wants an entry for each of 5,000 requests, whatever limit journald has, or the lack announced.
func TestAccessLogIsWhole(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, logConf("hello:app", "AccessLog=journal", "KeepAlive=60")) // a client of a loaded machine may take its time
	s.WriteFile("/etc/systemd/journald.conf.d/zz.conf", "[Journal]\nRateLimitIntervalSec=30s\nRateLimitBurst=1000\n")
	s.Systemctl("restart", "systemd-journald")
	const connections, each = 8, 625
	s.hammer(connections, each, "/")
	s.Systemctl("stop", appFront)
	entries, lost := len(s.matching("KIRIN_APP=shop", "HTTP_STATUS=200")), s.announced()
	if entries+lost != connections*each {
		t.Errorf("%d entries, and %d announced to be lost, of %d requests", entries, lost, connections*each)
	}
	t.Logf("%d entries, %d lost", entries, lost)
	if found := s.find(box.Query{}, "^Suppressed"); len(found) > 0 {
		t.Errorf("journald suppressed some: %v", found)
	}
}

// TestAccessLogWithoutJournald wants requests answered while journald stands still, and what there was no room for announced.
func TestAccessLogWithoutJournald(t *testing.T) {
	t.Parallel()
	s := newAppShop(t, logConf("hello:app", "AccessLog=journal", "KeepAlive=60")) // a client of a loaded machine may take its time
	s.get("/", 200)
	s.waitWorkers(2)
	s.Systemctl("kill", "--signal=STOP", "systemd-journald")
	const connections, each = 4, 1000
	s.hammer(connections, each, "/"+strings.Repeat("x", 4000)) // twice in an entry: 32 MB
	s.Systemctl("kill", "--signal=CONT", "systemd-journald")
	s.Systemctl("stop", appFront)
	entries, lost := len(s.matching("KIRIN_APP=shop", "HTTP_METHOD=GET")), s.announced()
	if lost == 0 || entries == 0 || entries+lost != connections*each+1 {
		t.Errorf("%d entries, and %d announced to be lost, of %d requests", entries, lost, connections*each+1)
	}
	t.Logf("%d entries, %d lost", entries, lost)
}

// TestAccessLogJournalOfRun wants kirin run to write to the journal, too, and to say so when there is none.
func TestAccessLogJournalOfRun(t *testing.T) {
	t.Parallel()
	s := startShop(t, options{Args: "--access-logfile journal --name petshop"})
	s.get("/seen", 200)
	found := s.matching("KIRIN_APP=petshop", "HTTP_TARGET=/seen")
	if len(found) != 1 || found[0].Get("_SYSTEMD_UNIT") != service || found[0].Get("WORKER") == "" {
		t.Errorf("found %v", found)
	}
	s.Systemctl("stop", service)
	s.WriteFile("/etc/systemd/system/shop.service.d/hidden.conf", "[Service]\nInaccessiblePaths=/run/systemd/journal/socket\n")
	s.Systemctl("daemon-reload")
	if r := s.Try("systemctl", "start", service); r.Status == 0 {
		t.Error("it starts without a journal")
	}
	s.WaitJournal(box.Query{Unit: service}, "why", box.Says("^kirin: error: access log: there is no journal at /run/systemd/journal/socket: .*: name a file, or - for standard output$"))
}
