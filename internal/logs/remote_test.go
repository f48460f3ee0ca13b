package logs

import (
	"encoding/json"
	"log/slog"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// listenUDP gives a real listener and what arrives there, a text for each datagram.
func listenUDP(t *testing.T) (address string, receive func() string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c.LocalAddr().String(), func() string {
		t.Helper()
		b := make([]byte, 64<<10)
		_ = c.SetReadDeadline(time.Now().Add(30 * time.Second))
		n, _, err := c.ReadFrom(b)
		if err != nil {
			t.Fatal(err)
		}
		return string(b[:n])
	}
}

func TestStatsd(t *testing.T) {
	address, receive := listenUDP(t)
	s, err := NewStatsd(StatsdOptions{Address: address, Prefix: "shop.", Tags: "env:prod,az:1"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Exchange(200, 1500*time.Microsecond)
	s.Gauge("gunicorn.workers", 4)
	s.Count("gunicorn.log.error")
	s.Histogram("gunicorn.backlog", 7)
	s.Close()
	want := []string{
		"shop.gunicorn.request.duration:1.5|ms|#env:prod,az:1",
		"shop.gunicorn.requests:1|c|@1.0|#env:prod,az:1",
		"shop.gunicorn.request.status.200:1|c|@1.0|#env:prod,az:1",
		"shop.gunicorn.workers:4|g|#env:prod,az:1",
		"shop.gunicorn.log.error:1|c|@1.0|#env:prod,az:1",
		"shop.gunicorn.backlog:7|h|#env:prod,az:1",
	}
	var got []string
	for len(got) < len(want) {
		got = append(got, strings.Split(receive(), "\n")...)
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestStatsdFillsDatagrams wants no datagram beyond what passes an Ethernet, and no metric lost between two.
func TestStatsdFillsDatagrams(t *testing.T) {
	address, receive := listenUDP(t)
	s, err := NewStatsd(StatsdOptions{Address: address}, nil)
	if err != nil {
		t.Fatal(err)
	}
	const n = 200
	for range n {
		s.Count("gunicorn.requests")
	}
	s.Close()
	for got := 0; got < n; {
		d := receive()
		if len(d) > statsdSize {
			t.Errorf("a datagram of %d bytes", len(d))
		}
		got += strings.Count(d, "gunicorn.requests:1|c|@1.0")
	}
}

func TestNilRemotes(*testing.T) {
	var statsd *Statsd
	var syslog *Syslog
	statsd.Exchange(200, 0)
	statsd.Count("x")
	statsd.Close()
	syslog.Access(nil)
	syslog.Error(slog.LevelInfo, time.Time{}, "")
	syslog.Close()
}

func TestParseAddresses(t *testing.T) {
	for _, c := range []struct {
		parse                func(string) (string, string, error)
		text, network, where string
	}{
		{ParseStatsd, "localhost", "udp", "localhost:8125"},
		{ParseStatsd, "localhost:9", "udp", "localhost:9"},
		{ParseStatsd, "[::1]:9", "udp", "[::1]:9"},
		{ParseStatsd, "unix:///run/d.sock", "unixgram", "/run/d.sock"},
		{ParseStatsd, "localhost:x", "", ""},
		{ParseStatsd, "unix://", "", ""},
		{ParseSyslog, "udp://localhost", "udp", "localhost:514"},
		{ParseSyslog, "tcp://h:6514", "tcp", "h:6514"},
		{ParseSyslog, "unix:///dev/log", "unix", "/dev/log"},
		{ParseSyslog, "unix:///dev/log#stream", "unixstream", "/dev/log"},
		{ParseSyslog, "unix:///dev/log#dgram", "unixgram", "/dev/log"},
		{ParseSyslog, "unix:///dev/log#x", "", ""},
		{ParseSyslog, "localhost:514", "", ""},
		{ParseSyslog, "udp://h:x", "", ""},
	} {
		network, where, err := c.parse(c.text)
		if network != c.network || where != c.where || (err == nil) != (c.network != "") {
			t.Errorf("%s: %s %s, %v", c.text, network, where, err)
		}
	}
}

func TestFacilities(t *testing.T) {
	for name, want := range map[string]int{"user": 1, "LOCAL7": 23, "security": 4, "": -1, "local8": -1} {
		if n, err := ParseFacility(name); err == nil && n != want || (err != nil) != (want < 0) {
			t.Errorf("%q: %d, %v", name, n, err)
		}
	}
}

func TestSyslogForms(t *testing.T) {
	at := time.Date(2026, 11, 6, 9, 8, 7, 65000, time.UTC)
	for _, c := range []struct {
		network string
		newer   bool
		want    string
	}{
		{"udp", false, `^<139>Nov  6 09:08:07 web1 gunicorn\.shop\.error: \[42\] \[ERROR\] a#012b$`},
		{"unix", false, `^<139>Nov  6 09:08:07 gunicorn\.shop\.error: \[42\] \[ERROR\] a#012b$`},
		{"tcp", false, `^<139>Nov  6 09:08:07 web1 gunicorn\.shop\.error: \[42\] \[ERROR\] a#012b\n$`},
		{"udp", true, `^<139>1 2026-11-06T09:08:07\.000065Z web1\.example gunicorn\.shop\.error 42 error - \[42\] \[ERROR\] a\nb$`},
		{"tcp", true, `^95 <139>1 `},
	} {
		s := &Syslog{o: SyslogOptions{Facility: 17, Program: "shop", RFC5424: c.newer}, sender: &Sender{network: c.network}, host: "web1.example", pid: 42}
		got := string(s.message("error", 3, at, "[42] [ERROR] a\nb"))
		if !regexp.MustCompile(c.want).MatchString(got) {
			t.Errorf("%s: %q, want %s", c.network, got, c.want)
		}
	}
}

// TestSyslogReconnects wants nothing lost, and nothing cut in two, when a server of a stream comes late and goes away.
func TestSyslogReconnects(t *testing.T) {
	path := t.TempDir() + "/log"
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s, err := NewSyslog(SyslogOptions{Address: "unix://" + path + "#stream", Program: "shop"}, func(string) {})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		s.Access([]byte("a line\n"))
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 1000)
		n, err := c.Read(b)
		if got := string(b[:n]); err != nil || !strings.HasSuffix(got, "gunicorn.shop.access: a line\n") {
			t.Errorf("%q, %v", got, err)
		}
		c.Close()
	}
	s.Close()
}

// TestSenderTellsLosses wants the number of messages that nobody took.
func TestSenderTellsLosses(t *testing.T) {
	told := make(chan string, 10)
	s := NewSender("unixgram", t.TempDir()+"/nobody", "statsd", func(text string) { told <- text })
	s.Put([]byte("x"))
	s.Close()
	if got := <-told; !strings.HasPrefix(got, "statsd: 1 messages lost: ") {
		t.Errorf("got %q", got)
	}
}

// TestSenderAfterClose: an exchange that outlasts the server's patience may end when the logs are closed already.
func TestSenderAfterClose(t *testing.T) {
	told := make(chan string, 1)
	s := NewSender("unixgram", t.TempDir()+"/nobody", "statsd", func(text string) { told <- text })
	s.Close()
	s.Put([]byte("x"))
	if got := <-told; !strings.HasPrefix(got, "statsd: 1 messages lost: ") {
		t.Errorf("got %q", got)
	}
}

func TestJSONLine(t *testing.T) {
	f, _, err := Compile(JSON)
	if err != nil {
		t.Fatal(err)
	}
	e := entry()
	e.Target = "/a\"\x01\xff"
	line := string(f.Append(nil, e))
	var got map[string]any
	if err := json.Unmarshal([]byte(line), &got); err != nil || strings.Count(line, "\n") != 1 {
		t.Fatalf("%s: %v", line, err)
	}
	if got["method"] != e.Method || got["status"] != float64(e.Status) || got["target"] != "/a\"\x01�" || got["duration"] != e.Duration.Seconds() {
		t.Errorf("got %s", line)
	}
}

// FuzzParseAddress wants an address that can be dialled, or an error.
func FuzzParseAddress(f *testing.F) {
	for _, seed := range []string{"localhost", "h:1", "[::1]:2", "unix:///x", "udp://h", "tcp://[::1]:1", "unix:///x#stream"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, parse := range []func(string) (string, string, error){ParseStatsd, ParseSyslog} {
			network, address, err := parse(text)
			if err != nil {
				continue
			}
			if strings.HasPrefix(network, "unix") {
				if address == "" {
					t.Errorf("%q has no path", text)
				}
			} else if _, _, err := net.SplitHostPort(address); err != nil {
				t.Errorf("%q: %v", text, err)
			}
		}
	})
}
