package front

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/kirin-server/kirin/internal/proxies"
	"github.com/kirin-server/kirin/workers/workertest"
)

// whoami answers with what the environ has of the client and the PROXY protocol.
func whoami(c *workertest.Call) {
	e := c.Environ
	c.Complete("200 OK", fmt.Sprint(e["REMOTE_ADDR"], " ", e["REMOTE_PORT"], " ", e["PROXY_PROTOCOL"], " ", e["PROXY_ADDR"], " ", e["PROXY_PORT"]))
}

const (
	lineV1 = "PROXY TCP4 192.0.2.1 198.51.100.2 8080 443\r\n"
	// binaryV2 says the same, and has an extension.
	binaryV2 = "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x10\xc0\x00\x02\x01\xc6\x33\x64\x02\x1f\x90\x01\xbb\x04\x00\x01x"
	localV2  = "\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
)

func proxyOptions(versions proxies.Versions) Options {
	return Options{Proxy: versions, ProxyAllow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
}

// TestPreamble: each request of a connection comes from the client that its header tells of.
func TestPreamble(t *testing.T) { eachPlainPath(t, testPreamble) }

func testPreamble(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: proxyOptions(proxies.V1 | proxies.V2), serve: whoami})
	for _, header := range []string{lineV1, binaryV2} {
		c := r.dial().send(header + request("GET", "/1") + request("POST", "/2", "Content-Length: 3") + "abc")
		c.answer("GET").want(t, 200, "192.0.2.1 8080 TCP4 198.51.100.2 443")
		c.answer("POST").want(t, 200, "192.0.2.1 8080 TCP4 198.51.100.2 443")
		c.ask("POST", "/3", "Transfer-Encoding: chunked").send("3\r\nabc\r\n0\r\n\r\n")
		c.answer("POST").want(t, 200, "192.0.2.1 8080 TCP4 198.51.100.2 443")
		for range 3 {
			if x := r.over(200); x.RemoteAddr() != "192.0.2.1" {
				t.Errorf("the access log has %s", x.RemoteAddr())
			}
		}
	}
}

// TestPreambleInParts: it may come byte by byte.
func TestPreambleInParts(t *testing.T) { eachPlainPath(t, testPreambleInParts) }

func testPreambleInParts(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: proxyOptions(proxies.V1 | proxies.V2), serve: whoami})
	for _, header := range []string{lineV1, binaryV2} {
		c := r.dial()
		for _, b := range []byte(header + request("GET", "/")) {
			c.send(string([]byte{b}))
		}
		c.answer("GET").want(t, 200, "*")
	}
	for range 2 {
		if x := r.over(200); x.RemoteAddr() != "192.0.2.1" {
			t.Errorf("the access log has %s", x.RemoteAddr())
		}
	}
}

// TestPreambleOfTheProxy: a connection of the proxy's own, and one without a header, come from the peer.
func TestPreambleOfTheProxy(t *testing.T) { eachPlainPath(t, testPreambleOfTheProxy) }

func testPreambleOfTheProxy(t *testing.T, on path) {
	r := start(t, setup{path: on, Options: proxyOptions(proxies.V1 | proxies.V2), serve: whoami})
	for _, header := range []string{"", "PROXY UNKNOWN\r\n", "PROXY UNKNOWN 1 2 3\r\n", localV2, "\r\n"} {
		c := r.dial().send(header).ask("GET", "/")
		port := netip.MustParseAddrPort(c.LocalAddr().String()).Port()
		c.answer("GET").want(t, 200, fmt.Sprintf("127.0.0.1 %d   ", port))
		r.over(200)
	}
}

// TestPreambleRefused: a header that may not be there, or is malformed, ends the connection with a line in the log.
func TestPreambleRefused(t *testing.T) { eachPlainPath(t, testPreambleRefused) }

func testPreambleRefused(t *testing.T, on path) {
	stranger := proxyOptions(proxies.V1 | proxies.V2)
	stranger.ProxyAllow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	for _, c := range []struct {
		name, text, log string
		o               Options
		status          int
	}{
		{"a stranger's line", lineV1, "proxy_allow_ips", stranger, 403},
		{"a stranger's binary header", binaryV2[:12], "proxy_allow_ips", stranger, 403},
		{"a malformed line", "PROXY TCP4 a b 1 2\r\n", "malformed", proxyOptions(proxies.V1), 400},
		{"an unknown command", binaryV2[:12] + "\x22\x11\x00\x00", "version and command", proxyOptions(proxies.V2), 400},
		{"a line where binary is due", lineV1, "RFC", proxyOptions(proxies.V2), 400},
		{"binary where a line is due", binaryV2, "RFC", proxyOptions(proxies.V1), 400},
		{"a line where nothing is due", lineV1, "RFC", proxyOptions(0), 400},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, setup{path: on, Options: c.o, serve: whoami})
			client := r.dial().send(c.text)
			client.answer("GET").want(t, c.status, "*")
			client.wantEnd()
			r.logged("WARN", "Invalid request from ip=127.0.0.1", c.log)
			r.over(c.status)
			r.dial().ask("GET", "/").answer("GET").want(t, 200, "*")
		})
	}
}

// TestPreambleUnix: who reaches a Unix socket may send one.
func TestPreambleUnix(t *testing.T) { eachPlainPath(t, testPreambleUnix) }

func testPreambleUnix(t *testing.T, on path) {
	o := proxyOptions(proxies.V1)
	o.ProxyAllow = nil
	r := start(t, setup{path: on, Options: o, unix: true, serve: whoami})
	r.dial().send(lineV1+request("GET", "/")).answer("GET").want(t, 200, "192.0.2.1 8080 TCP4 198.51.100.2 443")
}
