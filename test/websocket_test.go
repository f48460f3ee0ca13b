package test

import (
	"bufio"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// wsClient is test/apps/wsclient.py on a server.
func wsClient(s *testkit.Server, args ...string) *exec.Cmd {
	script := filepath.Join(testkit.Root(), "test/apps/wsclient.py")
	return exec.Command(testkit.Python(), append([]string{script, "ws://" + s.Addr}, args...)...)
}

// TestWebSocket wants messages of every kind to come back, by a real client and a real framework.
func TestWebSocket(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "sockets:app", Args: args("--workers 2 --access-logfile -")})
	if out, err := wsClient(s).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	s.Trace.Wait(t, 2, "disconnect", "4001")
	s.Out.Wait(t, `"GET /echo HTTP/1.1" 101 `)
	s.Out.Wait(t, `"GET /refused HTTP/1.1" 403 `)
	r := s.Do("GET", "/echo", http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"7"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}, nil)
	if r.Status != 426 || r.Header.Get("Sec-WebSocket-Version") != "13" {
		t.Errorf("an old version: %d %v", r.Status, r.Header)
	}
}

// TestWebSocketWithBody wants an upgrade that comes with a body, which would pass for messages, ignored (RFC 9110 §7.8 allows it).
func TestWebSocketWithBody(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "sockets:app"})
	for _, framing := range []string{"Content-Length: 7\r\n\r\n\x81\x81aaaa\x00", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"} {
		c := s.Dial()
		c.Send("GET /echo HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"+
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n%s", framing)
		wantStatus(t, c.Response("GET"), 404) // there is no such route but for WebSockets
		wantStatus(t, c.Get("/"), 200)
	}
}

// TestWebSocketEnds wants clients to be told to connect anew when their worker or the server ends.
func TestWebSocketEnds(t *testing.T) {
	t.Parallel()
	for signal, codes := range map[syscall.Signal]string{syscall.SIGHUP: "1012", syscall.SIGTERM: "1001 1012"} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "sockets:app"})
			client := wsClient(s, "wait")
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
			if code := strings.TrimSpace(string(rest)); code == "" || !strings.Contains(codes, code) {
				t.Errorf("closed with %q, want %s", code, codes)
			}
			if err := client.Wait(); err != nil {
				t.Error(err)
			}
		})
	}
}
