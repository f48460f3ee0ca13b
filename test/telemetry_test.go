package test

import (
	"net"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// datagrams is a real UDP listener. Its wait returns when all the patterns have been seen among the lines that came.
func datagrams(t *testing.T) (address string, wait func(patterns ...string)) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	var seen strings.Builder
	return c.LocalAddr().String(), func(patterns ...string) {
		t.Helper()
		b := make([]byte, 64<<10)
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		for _, p := range patterns {
			for re := regexp.MustCompile("(?m)" + p); !re.MatchString(seen.String()); {
				n, _, err := c.ReadFrom(b)
				if err != nil {
					t.Fatalf("%s has not come: %v; there were\n%s", p, err, seen.String())
				}
				seen.Write(append(b[:n], '\n'))
			}
		}
	}
}

// TestStatsd has Gunicorn's metrics, with prefix and tags.
func TestStatsd(t *testing.T) {
	t.Parallel()
	address, wait := datagrams(t)
	dir := testkit.AppFolder(t, map[string]string{"logapp.py": loggingApp})
	s := testkit.Start(t, options{App: "logapp:app", Dir: dir, Args: args("--statsd-host " + address + " --statsd-prefix shop --dogstatsd-tags env:prod " +
		"--enable-backlog-metric --workers 2")})
	s.Get("/")
	wait(`^shop\.gunicorn\.requests:1\|c\|@1\.0\|#env:prod$`, `^shop\.gunicorn\.request\.duration:[\d.]+\|ms\|#env:prod$`,
		`^shop\.gunicorn\.request\.status\.200:1\|c\|@1\.0\|#env:prod$`, `^shop\.gunicorn\.backlog:0\|h\|#env:prod$`,
		`^shop\.gunicorn\.workers:2\|g\|#env:prod$`)
	s.Signal(syscall.SIGTTIN)
	wait(`^shop\.gunicorn\.workers:3\|g`)
	c := s.Dial()
	c.Send("bad\r\n\r\n")
	c.Response("GET")
	wait(`^shop\.gunicorn\.log\.warning:1\|c`, `^shop\.gunicorn\.request\.status\.400:1\|c`)
	s.Get("/boom")
	wait(`^shop\.gunicorn\.log\.exception:1\|c\|@1\.0\|#env:prod$`)
}

// TestSyslog has both logs, with Gunicorn's tags, on the way to a real server; the access log's only if it is not kept out.
func TestSyslog(t *testing.T) {
	t.Parallel()
	address, wait := datagrams(t)
	dir := testkit.AppFolder(t, map[string]string{"logapp.py": loggingApp})
	s := testkit.Start(t, options{App: "logapp:app", Dir: dir, Args: args("--log-syslog --log-syslog-to udp://" + address + " --log-syslog-prefix shop --log-syslog-facility local3")})
	s.Get("/")
	wait(`^<158>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ gunicorn\.shop\.error: \[\d+\] \[INFO\] Listening at: http://`,
		`^<158>.* gunicorn\.shop\.access: 127\.0\.0\.1 - - \[.*\] "GET / HTTP/1\.1" 200 `, `^<158>\w{3} [ \d]\d \d\d:\d\d:\d\d \S+ gunicorn\.shop\.error: \[\d+\] handlers: 2, level: 20`)
}

// TestSyslogNewForm has the front and the workers write RFC 5424, and the access log of workers, too, where they have it.
func TestSyslogNewForm(t *testing.T) {
	t.Parallel()
	address, wait := datagrams(t)
	dir := testkit.AppFolder(t, map[string]string{
		"logapp.py":        loggingApp,
		"gunicorn.conf.py": "logconfig_dict = {'loggers': {'shop': {'level': 'INFO', 'handlers': ['console']}}}\n",
	})
	s := testkit.Start(t, options{App: "logapp:app", Dir: dir, Args: args("--log-syslog --log-syslog-to udp://" + address + " --log-syslog-prefix shop --log-syslog-format rfc5424")})
	s.Get("/")
	const head = `^<14>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}(Z|[+-]\d\d:\d\d) \S+ gunicorn\.shop\.`
	wait(head+`error \d+ error - \[\d+\] \[INFO\] Listening at: http://`, head+`error \d+ error - \[\d+\] handlers: `,
		head+`access \d+ access - 127\.0\.0\.1 - - \[.*\] "GET / HTTP/1\.1" 200 `)
}

// TestAccessLogJSON has an object on each line.
func TestAccessLogJSON(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--access-logfile - --access-logformat json")})
	s.Get("/a?b=1")
	s.Out.Wait(t, `^\{"time":"[^"]+","remote_addr":"127\.0\.0\.1","method":"GET","target":"/a\?b=1","protocol":"HTTP/1\.1","status":200,.*"request_id":"[^"]+","worker":1,"pid":\d+\}$`)
}
