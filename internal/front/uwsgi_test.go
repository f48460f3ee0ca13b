package front

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/workers/workertest"
)

// uwsgiPacket makes a packet of names and values.
func uwsgiPacket(vars ...string) string {
	var b []byte
	for _, text := range vars {
		b = append(binary.LittleEndian.AppendUint16(b, uint16(len(text))), text...)
	}
	return "\x00" + string(binary.LittleEndian.AppendUint16(nil, uint16(len(b)))) + "\x00" + string(b)
}

func uwsgiOptions(allow string) Options {
	return Options{UWSGI: true, UWSGIAllow: []netip.Prefix{netip.MustParsePrefix(allow)}}
}

// TestUWSGI: the application sees what the packet says, and the answer is one of HTTP that ends with the connection.
func TestUWSGI(t *testing.T) { eachPath(t, testUWSGI) }

func testUWSGI(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: uwsgiOptions("127.0.0.0/8"), serve: func(c *workertest.Call) {
		var said []string
		for _, name := range []string{
			"REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "RAW_URI", "SERVER_PROTOCOL", "wsgi.url_scheme", "REMOTE_ADDR",
			"REMOTE_PORT", "SERVER_NAME", "HTTP_X_A", "CONTENT_LENGTH", "CONTENT_TYPE", "REMOTE_USER", "HTTP_CONNECTION",
		} {
			said = append(said, fmt.Sprint(c.Environ[name]))
		}
		body, err := c.Body()
		if err != nil {
			t.Error(err)
		}
		c.Complete("200 OK", strings.Join(said, " ")+" "+string(body))
	}})
	packet := uwsgiPacket("REQUEST_METHOD", "POST", "REQUEST_URI", "/app/%C3%A4?q=1", "SCRIPT_NAME", "/app", "PATH_INFO", "/ä", "QUERY_STRING", "q=1",
		"SERVER_PROTOCOL", "HTTP/1.1", "HTTPS", "on", "REMOTE_ADDR", "192.0.2.7", "REMOTE_PORT", "77", "HTTP_HOST", "shop.example", "HTTP_X_A", "1",
		"HTTP_X_A", "2", "CONTENT_LENGTH", "4", "CONTENT_TYPE", "text/x", "HTTP_CONTENT_TYPE", "text/x", "REMOTE_USER", "ada", "HTTP_CONNECTION", "keep-alive")
	want := "POST /app /ä q=1 /app/%C3%A4?q=1 HTTP/1.1 https 192.0.2.7 77 shop.example 1,2 4 text/x ada  body"
	c := r.dial()
	for i := range len(packet) { // it may come byte by byte
		c.send(packet[i : i+1])
	}
	a := c.send("body").answer("POST").want(t, 200, want)
	if a.Header.Get("Transfer-Encoding") != "" || len(a.TransferEncoding) > 0 {
		t.Error("the answer is chunked, which no uwsgi client undoes")
	}
	c.wantEnd()
	if x := r.over(200); x.RemoteAddr() != "192.0.2.7" {
		t.Errorf("the access log has %s", x.RemoteAddr())
	}
	r.dial().send(uwsgiPacket("REQUEST_METHOD", "HEAD", "PATH_INFO", "/")).answer("HEAD").want(t, 200, "")
}

// TestUWSGIRefused: what is no packet of uwsgi, and who may not send one, is answered in one line of HTTP and of the log.
func TestUWSGIRefused(t *testing.T) { eachPlainPath(t, testUWSGIRefused) }

func testUWSGIRefused(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: uwsgiOptions("127.0.0.0/8"), serve: hello})
	for _, c := range []struct {
		send, why string
		status    int
	}{
		{"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "modifier1 of the uwsgi packet is 71", 400},
		{"\x05\x00\x00\x00", "modifier1 of the uwsgi packet is 5", 400},
		{uwsgiPacket("HTTP_X", "a\r\nY: b"), "control character", 400},
		{uwsgiPacket("CONTENT_LENGTH", "-1"), "Content-Length", 400},
		{uwsgiPacket("REQUEST_METHOD", "G(T"), "method", 400},
		{uwsgiPacket("PATH_INFO", "x"), "target", 400},
	} {
		d := r.dial().send(c.send)
		if a := d.answer("GET"); a.StatusCode != c.status {
			t.Errorf("%q: %d", c.send, a.StatusCode)
		}
		d.wantEnd()
		r.logged("Invalid request", c.why)
	}
	other := start(t, setup{path: on, Options: uwsgiOptions("192.0.2.0/24"), serve: hello})
	if a := other.dial().send(uwsgiPacket("PATH_INFO", "/")).answer("GET"); a.StatusCode != 403 {
		t.Errorf("a peer that is not allowed: %d", a.StatusCode)
	}
	other.logged("Invalid request from ip=127.0.0.1", "uwsgi_allow_ips")
}
