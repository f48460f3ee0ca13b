package test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// reference starts Debian's gunicorn, whose behaviour is the reference, for as long as the test runs, and returns its address.
func reference(t *testing.T, dir string, arguments ...string) string {
	t.Helper()
	addr := testkit.FreeAddr()
	cmd := exec.Command("/usr/bin/gunicorn", append([]string{"--bind", addr}, arguments...)...)
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
	})
	for end := time.Now().Add(testkit.Patience); ; time.Sleep(10 * time.Millisecond) {
		if conn, err := net.Dial("tcp", addr); err == nil {
			conn.Close()
			return addr
		}
		if time.Now().After(end) {
			t.Fatal("gunicorn does not listen")
		}
	}
}

// raw sends bytes to an address, with half closes its direction, and returns the answer: status and body.
func raw(t *testing.T, addr, request string, half bool) (int, string) {
	t.Helper()
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(testkit.Patience))
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	if half {
		_ = conn.(*net.TCPConn).CloseWrite()
	}
	r, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return 0, err.Error()
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Error(err)
	}
	return r.StatusCode, string(body)
}

// TestRawTarget: bytes from 0x80 on in a target, which Gunicorn takes, are Latin-1 in PATH_INFO, lead to a file, and are percent-encoded
// in a log.
func TestRawTarget(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"environ.py": appFile(t, "environ.py"), "files/caf\xc3\xa9.txt": "espresso\n"})
	pathInfo := func(addr string) string {
		status, body := raw(t, addr, "GET /caf\xc3\xa9/\xff?\xc3\xa9 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", false)
		var environ struct {
			Path string `json:"PATH_INFO"`
		}
		if err := json.Unmarshal([]byte(body), &environ); status != 200 || err != nil {
			t.Errorf("%d, %.200s: %v", status, body, err)
		}
		return environ.Path
	}
	s := testkit.Start(t, options{App: "environ:app", Dir: dir, Args: []string{
		"--access-logfile", "-", "--static", "/files/=" + filepath.Join(dir, "files"),
	}})
	ours, theirs := pathInfo(s.Addr), pathInfo(reference(t, dir, "environ:app"))
	if ours != "/caf\u00c3\u00a9/\u00ff" || theirs == "" { // Gunicorn, too, takes it; it has each byte encoded as UTF-8
		t.Errorf("PATH_INFO is %q, and %q with Gunicorn", ours, theirs)
	}
	s.Out.Wait(t, `"GET /caf%C3%A9/%FF\?%C3%A9 HTTP/1\.1" 200 `)
	wantRaw(t, s.Addr, "GET /files/caf\xc3\xa9.txt HTTP/1.1\r\nHost: test\r\n\r\n", 200, "espresso\n")
	wantRaw(t, s.Addr, "GET /\xc3\xa9\x01 HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", 400, "")
}

// wantRaw wants a status and, unless it is empty, a body of at least so many bytes that begins so.
func wantRaw(t *testing.T, addr, request string, status int, body string) {
	t.Helper()
	if !strings.Contains(request, "Connection:") {
		request = strings.Replace(request, "\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
	}
	if got, said := raw(t, addr, request, false); got != status || !strings.HasPrefix(said, body) {
		t.Errorf("%.60q: %d, %.100q; want %d, %q", request, got, said, status, body)
	}
}

// TestEmptyBlocks: an application that yields nothing for ever is ended when its client has gone, and serves others.
func TestEmptyBlocks(t *testing.T) {
	t.Parallel()
	apps := filepath.Join(testkit.Root(), "workers", "python", "tests", "apps") // those of the runtime's own tests
	for _, class := range []string{"sync", "gthread --threads 2", "gevent"} {
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "empty:app", Dir: apps, Args: args("--worker-class " + class)})
			for _, path := range []string{"/", "/first"} {
				told := filepath.Join(t.TempDir(), "told")
				c := s.Dial()
				c.Send("GET %s?%s HTTP/1.1\r\nHost: test\r\n\r\n", path, told)
				if path == "/first" {
					c.ReadLine()
				} else {
					testkit.Eventually(t, "the application is there", func() bool { return exists(told + ".begun") })
				}
				c.Close()
				testkit.Eventually(t, "the application is told", func() bool { return exists(told) })
				wantBody(t, s.Get("/hello"), 200, "hello")
			}
		})
	}
}

// TestHalfClosed: who ends its own direction does not get a slow answer, which Gunicorn gives: it may as well have left.
func TestHalfClosed(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"shop.py": `
import os, time

def app(environ, start_response):
    while not os.path.exists(environ["QUERY_STRING"]):
        time.sleep(0.01)
    start_response("200 OK", [("Content-Length", "5")])
    return [b"hello"]
`})
	s := testkit.Start(t, options{App: "shop:app", Dir: dir, Args: args("--access-logfile - --worker-class gthread --threads 4")})
	theirs := reference(t, dir, "shop:app")
	for _, head := range []string{"GET /?%s HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n", "POST /?%s HTTP/1.1\r\nHost: test\r\nConnection: close\r\nContent-Length: 2\r\n\r\nab"} {
		gate := filepath.Join(t.TempDir(), "open")
		request := fmt.Sprintf(head, gate)
		if status, _ := raw(t, s.Addr, request, true); status != 0 {
			t.Errorf("a slow answer: %d", status)
		}
		s.Out.Wait(t, `"`+request[:strings.IndexByte(request, ' ')]+` \S+ HTTP/1\.1" 499 `)
		write(t, gate, "")
		if status, body := raw(t, theirs, request, true); status != 200 || body != "hello" {
			t.Errorf("Gunicorn's answer: %d, %q", status, body)
		}
	}
}
