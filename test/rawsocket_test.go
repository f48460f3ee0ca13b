package test

import (
	"bufio"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// rawClient is test/apps/rawclient.py on a path of a server's.
func rawClient(s *testkit.Server, path string, args ...string) *exec.Cmd {
	script := filepath.Join(testkit.Root(), "test/apps/rawclient.py")
	return exec.Command(testkit.Python(), append([]string{script, "ws://" + s.Addr + path}, args...)...)
}

// rawClasses are the worker classes that give WSGI applications a client's socket.
var rawClasses = map[string]string{
	"sync":     "--workers 2",
	"gthread":  "--worker-class gthread --threads 4",
	"gevent":   "--worker-class gevent",
	"eventlet": "--worker-class eventlet",
}

func eachRawClass(t *testing.T, test func(t *testing.T, flags string)) {
	t.Helper()
	for name, flags := range rawClasses {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, flags)
		})
	}
}

// TestRawSocket wants an application that speaks WebSocket by itself to be heard, by a real client.
func TestRawSocket(t *testing.T) {
	t.Parallel()
	eachRawClass(t, func(t *testing.T, flags string) {
		s := testkit.Start(t, options{App: "rawsockets:app", Args: args(flags + " --timeout 30 --access-logfile -")})
		for _, path := range []string{"/echo", "/gunicorn/echo"} {
			if out, err := rawClient(s, path).CombinedOutput(); err != nil {
				t.Errorf("%s: %v: %s", path, err, out)
			}
		}
		s.Trace.Wait(t, 2, "closed", "4001")
		s.Out.Wait(t, `"GET /echo HTTP/1.1" 101 `)
		upgradeRefused(t, s)
		upgradeToLines(t, s)
		if out, err := rawClient(s, "/echo", "gone").CombinedOutput(); err != nil {
			t.Errorf("%v: %s", err, out)
		}
		s.Trace.Wait(t, 1, "closed", "1006")
		wantBody(t, s.Get("/"), 200, "None\n")
	})
}

const webSocketFields = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

// upgradeRefused wants an application that leaves the socket alone to answer as ever, on a connection that goes on.
func upgradeRefused(t *testing.T, s *testkit.Server) {
	t.Helper()
	c := s.Dial()
	c.Send("GET /refused HTTP/1.1\r\nHost: test\r\n" + webSocketFields + "\r\n")
	wantBody(t, c.Response("GET"), 403, "no sockets here")
	c.Send("GET /seen HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: lines\r\n\r\n")
	wantStatus(t, c.Response("GET"), 200)
	c.Send("GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n")
	wantBody(t, c.Response("GET"), 200, "None\n")
	wantBody(t, c.Get("/"), 200, "None\n")
}

// upgradeToLines speaks another protocol, whose first bytes come with the request.
func upgradeToLines(t *testing.T, s *testkit.Server) {
	t.Helper()
	c := s.Dial()
	c.Send("GET /lines HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: lines\r\n\r\nearly\nla")
	if head, _, err := c.ReadHead("GET"); err != nil || head.StatusCode != 101 || head.Header.Get("Upgrade") != "lines" {
		t.Errorf("%v, %v", head, err)
	}
	c.Send("te\nquit\n")
	if rest := string(c.Rest()); rest != "EARLY\nLATE\nQUIT\n" {
		t.Errorf("the lines came back as %q", rest)
	}
}

// TestRawSocketEnds wants the clients of WebSockets that an application speaks by itself to be told to connect anew, between two of its
// messages, when their worker or the server ends; and the application to see an orderly end.
func TestRawSocketEnds(t *testing.T) {
	t.Parallel()
	eachRawClass(t, func(t *testing.T, flags string) {
		upgradeEnds(t, options{App: "rawsockets:app", Args: args(flags + " --graceful-timeout 40")})
	})
}

func upgradeEnds(t *testing.T, o options) {
	t.Helper()
	s := testkit.Start(t, o)
	for i, signal := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		client := rawClient(s, "/echo", "wait")
		stdout, err := client.StdoutPipe()
		if err == nil {
			err = client.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		in := bufio.NewReader(stdout)
		if line, err := in.ReadString('\n'); err != nil || line != "open\n" {
			t.Fatalf("the client says %q, %v", line, err)
		}
		s.Signal(signal)
		rest, _ := io.ReadAll(in)
		if code := strings.TrimSpace(string(rest)); code != "1012" && (code != "1001" || signal == syscall.SIGHUP) {
			t.Errorf("%v: closed with %q", signal, code)
		}
		if err := client.Wait(); err != nil {
			t.Error(err)
		}
		if n := len(s.Trace.Wait(t, i+1, "closed")); n != i+1 {
			t.Errorf("%d connections ended", n)
		}
	}
	if code := s.ExitCode(); code != 0 {
		t.Errorf("exit status %d", code)
	}
}

// TestGeventWebSocket wants gevent-websocket's class for Gunicorn, by its name in people's files, to open WebSockets.
func TestGeventWebSocket(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "gevent_ws:app", Args: args("-k geventwebsocket.gunicorn.workers.GeventWebSocketWorker")})
	wantBody(t, s.Get("/"), 200, "no socket\n")
	if out, err := rawClient(s, "/echo", "nocodes").CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	s.Trace.Wait(t, 1, "closed", "by", "the", "client")
	c := s.Dial()
	c.Send("GET / HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 5\r\n\r\n")
	wantStatus(t, c.Response("GET"), 400)
	wantBody(t, c.Get("/"), 200, "no socket\n")
}

// TestRawSocketTakesItsTime wants a connection that was upgraded to have no time limit, and one whose worker dies to end.
func TestRawSocketTakesItsTime(t *testing.T) {
	t.Parallel()
	for class, flags := range rawClasses {
		if class == "eventlet" {
			continue
		}
		t.Run(class, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "rawsockets:app", Args: args(flags + " --timeout 1 --request-timeout 1")})
			c := s.Dial()
			c.Send("GET /lines HTTP/1.1\r\nHost: test\r\nConnection: upgrade\r\nUpgrade: lines\r\n\r\n")
			if head, _, err := c.ReadHead("GET"); err != nil || head.StatusCode != 101 {
				t.Fatalf("%v, %v", head, err)
			}
			slow := exec.Command("sleep", "3.5")
			if err := slow.Run(); err != nil {
				t.Fatal(err)
			}
			c.Send("late\n")
			if line := c.ReadLine(); line != "LATE\n" && line != "LATE" {
				t.Errorf("%q", line)
			}
			for _, p := range s.Workers() {
				if err := syscall.Kill(p.PID, syscall.SIGKILL); err != nil {
					t.Error(err)
				}
			}
			c.WantClosed()
			wantStatus(t, s.Get("/"), 200)
		})
	}
}
