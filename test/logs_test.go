package test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestAccessLog wants Gunicorn's default format on standard output.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--access-logfile -")})
	c := s.Dial()
	c.Send("POST /path?q=1 HTTP/1.1\r\n%sReferer: http://from/\r\nUser-Agent: a \"quoted\" agent\r\n"+
		"Authorization: Basic YW5uOnNlY3JldA==\r\nContent-Length: 2\r\n\r\nhi", host)
	r := c.Response("POST")
	line := s.Out.Wait(t, `.*POST.*`)[0]
	want := fmt.Sprintf(`127.0.0.1 - ann [DATE] "POST /path?q=1 HTTP/1.1" 200 %d "http://from/" "a \"quoted\" agent"`, len(r.Body))
	if got := date.ReplaceAllString(line, "[DATE]"); got != want {
		t.Errorf("line\n%s\nwant\n%s", got, want)
	}
	if !date.MatchString(line) {
		t.Errorf("no date in %q", line)
	}
}

var date = regexp.MustCompile(`\[\d\d/[A-Z][a-z][a-z]/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]`)

// TestAccessLogAtoms has every atom of Gunicorn's in one line.
func TestAccessLogAtoms(t *testing.T) {
	t.Parallel()
	format := `h=%(h)s l=%(l)s u=%(u)s t=%(t)s r=%(r)s s=%(s)s m=%(m)s U=%(U)s q=%(q)s H=%(H)s b=%(b)s B=%(B)s f=%(f)s a=%(a)s ` +
		`T=%(T)s D=%(D)s M=%(M)s L=%(L)s p=%(p)s i=%({x-in}i)s no=%({x-none}i)s o=%({x-request-id}o)s e=%({raw_uri}e)s percent=%%`
	s := testkit.Start(t, options{App: "load:app", Args: []string{"--access-logfile", "-", "--access-logformat", format}})
	c := s.Dial()
	c.Send("GET /a%%20b?ms=1100 HTTP/1.1\r\n%sX-In: in\r\nX-Request-Id: out\r\n\r\n", host)
	r := c.Response("GET")
	line := s.Out.Wait(t, `^h=.*`)[0]
	length := len(r.Body)
	want := fmt.Sprintf(`^h=127\.0\.0\.1 l=- u=- t=\[[^]]+\] r=GET /a%%20b\?ms=1100 HTTP/1\.1 s=200 m=GET U=/a b q=ms=1100 H=HTTP/1\.1 b=%d B=%d f=- a=- `+
		`T=(\d+) D=(\d+) M=(\d+) L=(\d+\.\d{6}) p=<\d+> i=in no=- o=out e=/a%%20b\?ms=1100 percent=%%$`, length, length)
	m := regexp.MustCompile(want).FindStringSubmatch(line)
	if m == nil {
		t.Fatalf("line\n%s\nis not like\n%s", line, want)
	}
	var us int
	if _, err := fmt.Sscan(m[2], &us); err != nil || us < 1_100_000 || us > int(testkit.Patience/time.Microsecond) {
		t.Errorf("a request of 1.1 s took %s µs", m[2])
	}
	if got, want := fmt.Sprint(m[1], " ", m[3], " ", m[4]), fmt.Sprintf("%d %d %.6f", us/1_000_000, us/1000, float64(us)/1e6); got != want {
		t.Errorf("%d µs are %s in s, ms and s, not %s", us, got, want)
	}
}

// TestLogsOfRefused wants a line in each log for what never became a request.
func TestLogsOfRefused(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: []string{"--access-logfile", "-", "--access-logformat", "%(h)s %(r)s|%(s)s|%(U)s|%(H)s|%({x}i)s"}})
	for text, want := range map[string][2]string{
		"\x16\x03\x01\r\n":                              {`^127\.0\.0\.1 - - -\|400\|-\|-\|-$`, `the byte 0x16; is it not HTTP\? \(RFC 9112 §3\)`},
		"GET /v HTTP/2.0\r\n\r\n":                       {`^127\.0\.0\.1 GET /v -\|505\|/v\|-\|-$`, `the version HTTP/2\.0 is not served here`},
		"GET /c HTTP/1.1\r\nX: y\r\nHost : a\r\n\r\n":   {`^127\.0\.0\.1 GET /c HTTP/1\.1\|400\|/c\|HTTP/1\.1\|y$`, `white space before the colon`},
		"GET /n HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n": {`^127\.0\.0\.1 GET /n HTTP/1\.1\|400\|/n\|HTTP/1\.1\|-$`, `the value of the header field "X" has the control character 0x00`},
	} {
		c := s.Dial()
		c.Send("%s", text)
		c.Response("GET")
		s.Out.Wait(t, want[0])
		s.Err.Wait(t, `\[WARNING\] Invalid request from ip=127\.0\.0\.1: .*`+want[1])
	}
}

// TestAccessLogOf has a line for each request, also for those that no worker answered.
func TestAccessLogOf(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{
		App:  "errors:app",
		Args: []string{"--access-logfile", "-", "--access-logformat", "%(m)s %(U)s %(s)s %(B)s"},
	})
	s.Get("/before-headers")
	s.Get("/replaced")
	s.Do("HEAD", "/", nil, nil)
	s.Out.Wait(t, `^GET /before-headers 500 \d+$`)
	s.Out.Wait(t, `^GET /replaced 503 9$`)
	s.Out.Wait(t, `^HEAD / 200 (0|-|None)$`)
}

// TestAccessLogExclude wants no line of what the rules name, whoever writes the log, by the rules of the last reload.
func TestAccessLogExclude(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"front": "", "python": "class Mine(glogging.Logger):\n    pass\n\nlogger_class = Mine\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			conf := "from gunicorn import glogging\naccesslog = '-'\naccess_log_format = '%(U)s %(s)s'\n" + more
			dir := folder(t, map[string]string{
				"hello.py": appFile(t, "hello.py"), "gunicorn.conf.py": conf + "access_log_exclude = ['/healthz', '/static/*', 'agent:kube-probe/* status:2xx']\n",
			})
			s := testkit.Start(t, options{App: "hello:app", Dir: dir})
			get := func(paths ...string) {
				for _, path := range paths {
					s.Do("GET", path, http.Header{"User-Agent": {"kube-probe/1.31"}}, nil)
					s.Do("GET", path, http.Header{"User-Agent": {"curl"}}, nil)
				}
			}
			get("/healthz?a=b", "/static/a", "/other")
			s.Out.Wait(t, "^/other 200")
			s.Out.Lacks(t, "healthz|static")
			if n := len(s.Out.Lines("^/other")); n != 1 {
				t.Errorf("%d lines, not the one of curl", n)
			}
			write(t, filepath.Join(dir, "gunicorn.conf.py"), conf+"access_log_exclude = '/other'\n")
			s.Signal(syscall.SIGHUP)
			s.Err.Wait(t, "reloaded")
			get("/other", "/healthz")
			testkit.Eventually(t, "both lines", func() bool { return len(s.Out.Lines("^/healthz 200")) == 2 })
			if n := len(s.Out.Lines("^/other")); n != 1 {
				t.Errorf("%d lines of what is excluded since the reload", n-1)
			}
		})
	}
}

// TestAccessLogInjection wants no line that a client made up.
func TestAccessLogInjection(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "load:app", Args: args("--access-logfile -")})
	c := s.Dial()
	c.Send("GET /%%0a%%0d10.0.0.1%%20-%%20forged HTTP/1.1\r\n%sUser-Agent: \x7f\xff\ttab\r\n\r\n", host)
	_, _ = c.ReadResponse("GET")
	s.Get("/last")
	s.Out.Wait(t, "/last")
	for _, line := range s.Out.Lines("") {
		if !strings.HasPrefix(line, "127.0.0.1 ") {
			t.Errorf("line %q", line)
		}
	}
}

// TestLogFiles wants both logs in files, and USR1 to open them anew.
func TestLogFiles(t *testing.T) {
	t.Parallel()
	dir := folder(t, nil)
	access, errors := filepath.Join(dir, "access"), filepath.Join(dir, "errors")
	s := testkit.Start(t, options{App: "errors:app", Args: []string{"--access-logfile", access, "--error-logfile", errors, "--workers", "2"}})
	accessLog, errorLog := &testkit.Log{Path: access}, &testkit.Log{Path: errors}
	s.Get("/before-headers")
	accessLog.Wait(t, "GET /before-headers")
	errorLog.Wait(t, "ValueError: raised before the headers")
	for _, path := range []string{access, errors} {
		if err := os.Rename(path, path+".1"); err != nil {
			t.Fatal(err)
		}
	}
	s.Signal(syscall.SIGUSR1)
	testkit.Eventually(t, "the logs are there again", func() bool {
		_, err1 := os.Stat(access)
		_, err2 := os.Stat(errors)
		return err1 == nil && err2 == nil
	})
	for range 8 { // both workers
		s.Get("/in-close")
	}
	accessLog.Wait(t, "GET /in-close")
	errorLog.Wait(t, "ValueError: raised in close")
	old := &testkit.Log{Path: errors + ".1"}
	old.Lacks(t, "raised in close")
	(&testkit.Log{Path: access + ".1"}).Lacks(t, "in-close")
	s.Err.Lacks(t, "ValueError")
}

// TestErrorLogFormat wants Gunicorn's line format.
func TestErrorLogFormat(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hello:app"})
	s.Get("/")
	s.Err.Wait(t, `^\[\d{4}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{4}\] \[\d+\] \[INFO\] .*`+regexp.QuoteMeta(s.Addr))
}

// TestLogLevel wants less with a higher level and more with a lower one.
func TestLogLevel(t *testing.T) {
	t.Parallel()
	quiet := testkit.Start(t, options{App: "hello:app", Args: args("--log-level error")})
	quiet.Get("/")
	quiet.Stop()
	if text := quiet.Err.String(); text != "" {
		t.Errorf("with --log-level error: %q", text)
	}
	info := testkit.Start(t, options{App: "hello:app"})
	info.Get("/")
	info.Stop()
	debug := testkit.Start(t, options{App: "hello:app", Args: args("--log-level debug")})
	debug.Get("/")
	debug.Stop()
	debug.Err.Wait(t, `\[DEBUG\]`)
	info.Err.Wait(t, `\[INFO\]`)
	info.Err.Lacks(t, `\[DEBUG\]`)
}

// TestOutput says where what an application prints goes, with --capture-output and without.
func TestOutput(t *testing.T) {
	t.Parallel()
	always := []string{"printed to standard error", "written to wsgi.errors", "logged as a warning", "UserWarning: warned"}
	printed := []string{"printed at import", "printed to standard output"}
	dir := folder(t, nil)

	plain := testkit.Start(t, options{App: "output:app"})
	plain.Get("/")
	for _, text := range always {
		plain.Err.Wait(t, text)
	}
	for _, text := range printed {
		plain.Out.Wait(t, text)
	}

	file := &testkit.Log{Path: filepath.Join(dir, "errors")}
	captured := testkit.Start(t, options{App: "output:app", Args: []string{"--capture-output", "--error-logfile", file.Path}})
	captured.Get("/")
	for _, text := range append(always, printed...) {
		file.Wait(t, text)
	}
	captured.Out.Lacks(t, "printed")
	captured.Err.Lacks(t, "printed")
}

// TestStuckLogs has an access log that is a FIFO without a reader, and standard error a pipe that is full. Requests are answered all the
// same, good and bad ones, a rotation changes nothing, and what was logged comes when somebody reads.
func TestStuckLogs(t *testing.T) {
	t.Parallel()
	dir := folder(t, nil)
	hits, errs := filepath.Join(dir, "hits"), filepath.Join(dir, "errors")
	for _, path := range []string{hits, errs} {
		if err := syscall.Mkfifo(path, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := testkit.Start(t, options{
		App: "load:app", Args: []string{"--access-logfile", hits, "--access-logformat", "%(U)s " + strings.Repeat("x", 1000)},
		Front: []string{"sh", "-c", `exec "$@" 2<>` + errs, "sh"},
	})
	s.Get("/first")
	stuck, err := os.OpenFile(errs, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer stuck.Close()
	raw, err := stuck.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	err = raw.Control(func(fd uintptr) {
		for err := error(nil); err == nil; {
			_, err = syscall.Write(int(fd), []byte("filler\n"))
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		c := s.Dial()
		c.Send("GET /bad%d HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", i)
		if r := c.Response("GET"); r.Status != 400 {
			t.Fatalf("status %d", r.Status)
		}
		c.Close()
	}
	s.Signal(syscall.SIGUSR1)
	if r := s.Get("/good"); r.Status != 200 {
		t.Errorf("status %d", r.Status)
	}
	if err := stuck.SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stuck)
	for lines.Scan() && !strings.Contains(lines.Text(), "Invalid request from ip=127.0.0.1") {
	}
	if lines.Err() != nil {
		t.Errorf("standard error: %v", lines.Err())
	}
	reader, err := os.OpenFile(hits, os.O_RDWR|syscall.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	if err := reader.SetReadDeadline(time.Now().Add(testkit.Patience)); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(reader).ReadString('\n'); !strings.HasPrefix(line, "/first ") {
		t.Errorf("the access log begins with %.20q, %v", line, err)
	}
}
