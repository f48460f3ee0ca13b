package front

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/kirin-server/kirin/workers/workertest"
)

// multiplexers are the ways to a connection in HTTP/2: by ALPN, and by prior knowledge through each driver.
func eachMultiplexed(t *testing.T, run func(*testing.T, setup)) {
	for _, on := range paths() {
		t.Run(string(on), func(t *testing.T) {
			run(t, setup{path: on, Options: Options{HTTP2: HTTP2Options{Cleartext: true}}})
		})
	}
}

// browser2 is a client of net/http that speaks HTTP/2 only.
func (r *rig) browser2() (*http.Client, string) {
	var p http.Protocols
	scheme := "http"
	if p.SetUnencryptedHTTP2(true); r.secret != nil {
		p = http.Protocols{}
		p.SetHTTP2(true)
		scheme = "https"
	}
	tr := &http.Transport{Protocols: &p, TLSClientConfig: r.secret}
	r.t.Cleanup(tr.CloseIdleConnections)
	return &http.Client{Transport: tr, Timeout: patience}, scheme + "://" + r.addr.String()
}

func (r *rig) fetch(c *http.Client, req *http.Request) (int, string, http.Header) {
	r.t.Helper()
	resp, err := c.Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	if resp.ProtoMajor != 2 {
		r.t.Errorf("answered in %s", resp.Proto)
	}
	return resp.StatusCode, string(body), resp.Header
}

// newRequest is http.NewRequest, which has no reason to fail here.
func newRequest(t *testing.T, method, url string, body io.Reader) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	return req
}

// TestHTTP2: requests reach a worker as those of HTTP/1.1 do, and the answers come back.
func TestHTTP2(t *testing.T) { eachMultiplexed(t, testHTTP2) }

func testHTTP2(t *testing.T, s setup) {
	environs := make(chan map[string]string, 1)
	s.serve = func(c *workertest.Call) {
		environs <- c.Environ
		body, err := c.Body()
		c.Complete("201 Made", fmt.Sprint(len(body), err), "X-One", "1", "Set-Cookie", "a", "Set-Cookie", "b", "Connection", "close")
	}
	r := start(t, s)
	client, url := r.browser2()
	for _, size := range []int{0, 5, 70_000, 3_000_000} {
		req := newRequest(t, "POST", url+"/a%20b?c", bytes.NewReader(make([]byte, size)))
		req.Host = "shop.test:81"
		req.Header = http.Header{"Cookie": {"a=1; b=2"}, "X_Y": {"no"}, "X-Y": {"1", "2"}}
		code, body, header := r.fetch(client, req)
		if code != 201 || body != fmt.Sprint(size, " <nil>") || header.Get("X-One") != "1" || len(header["Set-Cookie"]) != 2 || header.Get("Connection") != "" {
			t.Errorf("answered %d %q %v", code, body, header)
		}
		env := wait(t, "the environ", environs)
		for key, want := range map[string]string{
			"REQUEST_METHOD": "POST", "PATH_INFO": "/a b", "QUERY_STRING": "c", "SERVER_PROTOCOL": "HTTP/2.0", "HTTP_HOST": "shop.test:81",
			"HTTP_COOKIE": "a=1; b=2", "HTTP_X_Y": "1,2", "REMOTE_ADDR": "127.0.0.1", "CONTENT_LENGTH": fmt.Sprint(size),
		} {
			if env[key] != want {
				t.Errorf("%s is %q, want %q", key, env[key], want)
			}
		}
		if x := r.over(201); x.Proto != "HTTP/2.0" {
			t.Errorf("logged as %s", x.Proto)
		}
	}
}

// TestHTTP2Answers: streams, files, heads and failures are framed as they should be.
func TestHTTP2Answers(t *testing.T) { eachMultiplexed(t, testHTTP2Answers) }

func testHTTP2Answers(t *testing.T, s setup) {
	large := strings.Repeat("0123456789", 50_000)
	s.slots = 4
	s.serve = func(c *workertest.Call) {
		switch c.Path() {
		case "/stream":
			out := c.Stream("200 OK", "first ")
			_, err := out.Write([]byte(large))
			out.End(err == nil)
		case "/broken":
			out := c.Stream("200 OK", "first ")
			out.End(false)
		case "/hints":
			c.Interim("103 Early Hints", "Link", "</a.css>")
			c.Complete("200 OK", "hinted")
		case "/none":
			c.Complete("204 No Content", "")
		default:
			c.Complete("200 OK", large)
		}
	}
	r := start(t, s)
	client, url := r.browser2()
	for path, want := range map[string]string{"/stream": "first " + large, "/whole": large, "/hints": "hinted", "/none": ""} {
		var hints atomic.Int32
		req := newRequest(t, "GET", url+path, nil)
		req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
				if code == 103 && h.Get("Link") == "</a.css>" {
					hints.Add(1)
				}
				return nil
			},
		}))
		if _, body, _ := r.fetch(client, req); body != want || (path == "/hints") != (hints.Load() == 1) {
			t.Errorf("%s: %d bytes, want %d, %d hints", path, len(body), len(want), hints.Load())
		}
	}
	code, body, header := r.fetch(client, newRequest(t, "HEAD", url+"/whole", nil))
	if code != 200 || body != "" || header.Get("Content-Length") != fmt.Sprint(len(large)) {
		t.Errorf("HEAD: %d %q %v", code, body, header)
	}
	resp, err := client.Do(newRequest(t, "GET", url+"/broken", nil))
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if e, ok := errors.AsType[http2.StreamError](err); err == nil || ok && e.Code != http2.ErrCodeInternal {
		t.Errorf("a broken stream ends with %v", err)
	}
}

// TestHTTP2Refused: what HTTP/1.1 is refused for, with the same status, is a request no less.
func TestHTTP2Refused(t *testing.T) { eachMultiplexed(t, testHTTP2Refused) }

func testHTTP2Refused(t *testing.T, s setup) {
	s.FieldSize, s.RequestLine, s.FieldCount, s.HTTP2.HeaderList = 1000, 500, 20, 4096
	s.serve = hello
	r := start(t, s)
	c := r.frames()
	for want, change := range map[string]func(*[]string){
		"414": func(f *[]string) { (*f)[5] = "/" + strings.Repeat("a", 600) },
		"431": func(f *[]string) { *f = append(*f, "x", strings.Repeat("a", 1200)) },
		"400": func(f *[]string) { *f = append(*f, "host", "another") },
		"200": func(f *[]string) { *f = append(*f, "host", "TEST") },
		"431 ": func(f *[]string) {
			for i := range 10 {
				*f = append(*f, fmt.Sprintf("x%d", i), strings.Repeat("a", 900))
			}
		},
		"431  ": func(f *[]string) { *f = append(*f, "x", strings.Repeat("a", 5000)) }, // one string that is longer than all may be
		"400 ":  func(f *[]string) { (*f)[5] = "/%zz" },
	} {
		fields := []string{":method", "GET", ":scheme", "http", ":path", "/", ":authority", "test"}
		change(&fields)
		if got := c.request(fields...); got != strings.TrimSpace(want) {
			t.Errorf("answered %s, want %s", got, want)
		}
		if want != "200" {
			r.logged("WARN", "Invalid request from ip=127.0.0.1")
		}
	}
}

// TestHTTP2Twice: a request's stream takes nothing behind its end, neither a second head nor trailers (RFC 9113 §5.1).
func TestHTTP2Twice(t *testing.T) { eachMultiplexed(t, testHTTP2Twice) }

func testHTTP2Twice(t *testing.T, s setup) {
	b := newBlocked()
	s.slots, s.serve = 4, func(c *workertest.Call) {
		b.calls <- c
		<-b.let
		c.Complete("200 OK", "late")
	}
	r := start(t, s)
	for _, again := range [][]string{
		{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "test"}, {"x-sum", "1"},
	} {
		f := r.frames()
		id := f.get("/")
		wait(t, "the call", b.calls)
		f.must(f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.block(again...), EndStream: true, EndHeaders: true}))
		f.until("a reset", func(fr http2.Frame) bool {
			reset, ok := fr.(*http2.RSTStreamFrame)
			if ok && reset.ErrCode != http2.ErrCodeStreamClosed {
				t.Errorf("%v: reset by %v", again, reset.ErrCode)
			}
			return ok
		})
		r.over(statusGone)
		b.let <- struct{}{}
		f.Close()
	}
}

// TestHTTP2LikePreface: where HTTP/2 is taken without TLS, a request of HTTP/1.1 that begins with the same letters is one of HTTP/1.1.
func TestHTTP2LikePreface(t *testing.T) { eachMultiplexed(t, testHTTP2LikePreface) }

func testHTTP2LikePreface(t *testing.T, s setup) {
	s.serve = hello
	r := start(t, s)
	for _, method := range []string{"POST", "PUT", "PATCH", "PRI", "PROPFIND"} {
		r.dial().send(method + " /quite/a/long/path HTTP/1.1\r\nHost: test\r\n\r\n").wantStatus(method)
		c := r.dial().send(method[:2])
		c.send(method[2:] + " / HTTP/1.1\r\nHost: test\r\n\r\n").wantStatus(method)
	}
}

// TestHTTP2Connect: who asks for a tunnel is answered before anything goes through it.
func TestHTTP2Connect(t *testing.T) {
	r := start(t, setup{path: secured, serve: hello})
	f := r.frames()
	id := f.begin(false, ":method", "CONNECT", ":authority", "test:443")
	f.until("an answer", isEnd(id))
	r.logged("WARN", "CONNECT is not for this server (permit_connect)")
}

func (c *client) wantStatus(method string) {
	c.t.Helper()
	if a := c.answer(method); a.StatusCode != 200 {
		c.t.Errorf("%s: answered %d", method, a.StatusCode)
	}
}

// frames is a client that speaks in frames, lawful or not.
type frames struct {
	net.Conn
	*http2.Framer
	t    *testing.T
	buf  bytes.Buffer
	henc *hpack.Encoder
	next uint32
}

func (r *rig) frames() *frames {
	r.t.Helper()
	if r.secret != nil {
		r.secret.NextProtos = []string{"h2"}
	}
	c := r.dial()
	if secure, ok := c.Conn.(tlsClientConn); ok {
		if err := secure.Handshake(); err != nil {
			r.t.Fatal(err)
		}
	}
	f := &frames{Conn: c.Conn, Framer: http2.NewFramer(c.Conn, c.Conn), t: r.t, next: 1}
	f.henc = hpack.NewEncoder(&f.buf)
	f.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	c.send(preface)
	f.must(f.WriteSettings())
	f.must(f.WriteSettingsAck())
	return f
}

func (f *frames) must(err error) {
	f.t.Helper()
	if err != nil {
		f.t.Fatal(err)
	}
}

// block encodes fields.
func (f *frames) block(fields ...string) []byte {
	f.buf.Reset()
	for i := 0; i < len(fields); i += 2 {
		f.must(f.henc.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]}))
	}
	return f.buf.Bytes()
}

// begin opens a stream.
func (f *frames) begin(end bool, fields ...string) uint32 {
	f.t.Helper()
	id := f.next
	f.next += 2
	f.must(f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.block(fields...), EndStream: end, EndHeaders: true}))
	return id
}

// get opens a stream for a path.
func (f *frames) get(path string) uint32 {
	f.t.Helper()
	return f.begin(true, ":method", "GET", ":scheme", "https", ":path", path, ":authority", "test")
}

// request sends one and gives the status of the answer.
func (f *frames) request(fields ...string) string {
	f.t.Helper()
	id := f.begin(true, fields...)
	for {
		frame, err := f.ReadFrame()
		f.must(err)
		if head, ok := frame.(*http2.MetaHeadersFrame); ok && head.StreamID == id {
			return head.PseudoValue("status")
		}
	}
}

// until reads frames until one is what is looked for.
func (f *frames) until(what string, is func(http2.Frame) bool) {
	f.t.Helper()
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			f.t.Fatalf("waited in vain for %s: %v", what, err)
		}
		if is(frame) {
			return
		}
	}
}

func isGoAway(code http2.ErrCode) func(http2.Frame) bool {
	return func(f http2.Frame) bool {
		g, ok := f.(*http2.GoAwayFrame)
		return ok && g.ErrCode == code
	}
}

func isEnd(id uint32) func(http2.Frame) bool {
	return func(f http2.Frame) bool {
		h := f.Header()
		return h.StreamID == id && (h.Type == http2.FrameData && h.Flags.Has(http2.FlagDataEndStream) || h.Type == http2.FrameHeaders && h.Flags.Has(http2.FlagHeadersEndStream))
	}
}

// TestHTTP2Floods: what attacks do ends their connection, and costs others nothing.
func TestHTTP2Floods(t *testing.T) {
	request := []string{":method", "GET", ":scheme", "https", ":path", "/", ":authority", "test"}
	for name, attack := range map[string]func(*frames) error{
		"rapid reset (CVE-2023-44487)": func(f *frames) error {
			id := f.next
			f.next += 2
			err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: f.block(request...), EndStream: true, EndHeaders: true})
			return errors.Join(err, f.WriteRSTStream(id, http2.ErrCodeCancel))
		},
		"PING":           func(f *frames) error { return f.WritePing(false, [8]byte{}) },
		"SETTINGS":       func(f *frames) error { return f.WriteSettings() },
		"PRIORITY":       func(f *frames) error { return f.WritePriority(1, http2.PriorityParam{StreamDep: 3}) },
		"WINDOW_UPDATE":  func(f *frames) error { return f.WriteWindowUpdate(0, 1) },
		"unknown frames": func(f *frames) error { return f.WriteRawFrame(0xfa, 0, 0, nil) },
		"CONTINUATION": func(f *frames) error {
			err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: f.next, BlockFragment: f.block(request...)})
			for err == nil {
				err = f.WriteContinuation(f.next, false, []byte{0})
			}
			return err
		},
		"large CONTINUATION": func(f *frames) error {
			err := f.WriteHeaders(http2.HeadersFrameParam{StreamID: f.next, BlockFragment: f.block(request...)})
			for err == nil {
				err = f.WriteContinuation(f.next, false, make([]byte, 16<<10))
			}
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := start(t, setup{path: secured, slots: 2, serve: hello})
			other, f := r.frames(), r.frames()
			f.SetDeadline(time.Now().Add(2 * patience))
			read := in(func() error {
				for {
					frame, err := f.ReadFrame()
					if err != nil || isGoAway(http2.ErrCodeEnhanceYourCalm)(frame) {
						return err
					}
				}
			})
			for range 200_000 {
				if attack(f) != nil {
					break
				}
			}
			if err := wait(t, "GOAWAY", read); err != nil && !isReset(err) && !errors.Is(err, net.ErrClosed) {
				t.Errorf("the attack ended with %v", err)
			}
			f.Close()
			if got := other.request(request...); got != "200" {
				t.Errorf("another client is answered %s", got)
			}
		})
	}
}

// TestTLSClients: what an application is told of a client's certificate.
func TestTLSClients(t *testing.T) {
	environs := make(chan map[string]string, 1)
	r := start(t, setup{path: secured, serve: func(c *workertest.Call) {
		environs <- c.Environ
		hello(c)
	}})
	r.secret.Certificates = []tls.Certificate{pki().client.TLS()}
	r.dial().ask("GET", "/", "SSL_CLIENT_S_DN: forged", "Ssl-Client-S-Dn: forged").answer("GET").want(t, 200, "hello")
	env := wait(t, "the environ", environs)
	for key, want := range map[string]string{
		"SSL_CLIENT_VERIFY": "SUCCESS", "SSL_CLIENT_S_DN": "CN=alice,O=Kirin,C=DE", "SSL_CLIENT_S_DN_CN": "alice", "SSL_CLIENT_I_DN": "CN=Test CA",
		"SSL_CLIENT_CERT": pki().client.PEM(), "HTTPS": "on", "SSL_PROTOCOL": "TLSv1.3", "wsgi.url_scheme": "https",
	} {
		if env[key] != want {
			t.Errorf("%s is %q, want %q", key, env[key], want)
		}
	}
	stranger := pki().other.Issue(nil, "mallory").TLS()
	r.secret.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return &stranger, nil }
	c := r.dial().Conn
	_, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: test\r\n\r\n")
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	if err == nil {
		t.Error("a certificate of somebody else's is taken")
	}
}

// TestHandshakes: who does not finish the handshake makes room for others.
func TestHandshakes(t *testing.T) {
	r := start(t, setup{path: secured, serve: hello})
	secret := r.secret
	r.secret = nil
	r.server.mu.Lock()
	r.server.mostHandshakes = 5
	r.server.mu.Unlock()
	first := r.dial()
	for range 5 {
		r.dial()
	}
	first.wantEnd()
	r.secret = secret
	r.dial().wantUsable()
}
