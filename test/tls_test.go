package test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// secure is a server with a certificate for localhost and shop.test.
type secure struct {
	*testkit.Server
	root *testkit.Authority
	dir  string
	ca   string // a file
}

func startTLS(t *testing.T, app string, more ...string) *secure {
	t.Helper()
	s := &secure{root: testkit.NewAuthority(t, "Test CA", nil), dir: folder(t, nil)}
	cert, key := s.root.Issue(nil, "localhost", "shop.test").Write(s.dir, "shop", s.root)
	s.ca = filepath.Join(s.dir, "ca.pem")
	write(t, s.ca, s.root.PEM())
	s.Server = testkit.Start(t, options{App: app, Args: append([]string{"--certfile", cert, "--keyfile", key}, more...)})
	return s
}

// client is openssl s_client on the server, with a request on its standard input.
func (s *secure) client(args ...string) string {
	cmd := exec.Command("openssl", append([]string{"s_client", "-connect", s.Addr, "-CAfile", s.ca, "-servername", "localhost"}, args...)...)
	cmd.Stdin = strings.NewReader("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	if !strings.Contains(strings.Join(args, " "), "-reconnect") {
		cmd.Args = append(cmd.Args, "-ign_eof")
	}
	out, _ := cmd.CombinedOutput() // a refusal is told in it
	return string(out)
}

func wantIn(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is not in %.3000s", part, text)
		}
	}
}

// TestTLSProtocols wants TLS 1.2 and 1.3, the suites that were asked for, and no more.
func TestTLSProtocols(t *testing.T) {
	t.Parallel()
	s := startTLS(t, "hello:app", "--ciphers", "ECDHE-ECDSA-AES256-GCM-SHA384:DHE-RSA-AES128-SHA")
	wantIn(t, s.client("-tls1_3"), "Verify return code: 0 (ok)", "Hello, World!", "TLSv1.3")
	wantIn(t, s.client("-tls1_2"), "Cipher is ECDHE-ECDSA-AES256-GCM-SHA384", "Hello, World!")
	wantIn(t, s.client("-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256"), "handshake failure")
	wantIn(t, s.client("-tls1_1", "-cipher", "DEFAULT@SECLEVEL=0"), "protocol version")
	wantIn(t, s.client("-alpn", "http/1.1"), "ALPN protocol: http/1.1")
	wantIn(t, s.client("-alpn", "h2"), "ALPN protocol: h2")
	s.Err.Wait(t, "ciphers: passed over, for Go has no such suite: DHE-RSA-AES128-SHA")

	strict := startTLS(t, "hello:app", "--tls-min-version", "1.3", "--http-protocols", "h1")
	wantIn(t, strict.client("-tls1_2"), "protocol version")
	wantIn(t, strict.client("-tls1_3", "-alpn", "http/1.1"), "Hello, World!")
}

// TestTLSNames wants the certificate that goes with the name that a client asks for, and the first for others.
func TestTLSNames(t *testing.T) {
	t.Parallel()
	dir := folder(t, nil)
	root := testkit.NewAuthority(t, "Test CA", nil)
	var flags []string
	for _, name := range []string{"one.test", "*.two.test"} {
		cert, key := root.Issue(nil, name).Write(dir, strings.Trim(name, "*."), root)
		flags = append(flags, "--certfile", cert, "--keyfile", key)
	}
	s := testkit.Start(t, options{App: "hello:app", Args: flags})
	for name, want := range map[string]string{"one.test": "one.test", "www.two.test": "*.two.test", "three.test": "one.test", "": "one.test"} {
		c, err := tls.Dial("tcp", s.Addr, &tls.Config{ServerName: name, InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.ConnectionState().PeerCertificates[0].DNSNames[0]; got != want {
			t.Errorf("%q gets the certificate of %s, want %s", name, got, want)
		}
		c.Close()
	}
}

// TestTLSResumption wants sessions to be resumed, also after the certificates were read anew.
func TestTLSResumption(t *testing.T) {
	t.Parallel()
	s := startTLS(t, "environ:app")
	wantIn(t, s.client("-tls1_2", "-reconnect"), "Reused, TLSv1.2")
	session := filepath.Join(s.dir, "session")
	wantIn(t, s.client("-tls1_3", "-sess_out", session), "New, TLSv1.3")
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "reloaded")
	wantIn(t, s.client("-tls1_3", "-sess_in", session), "Reused, TLSv1.3", `"SSL_SESSION_RESUMED": "Resumed"`)
}

// TestTLSClientCertificates wants them asked for, checked, and told to the application.
func TestTLSClientCertificates(t *testing.T) {
	t.Parallel()
	root := testkit.NewAuthority(t, "Client CA", nil)
	dir := folder(t, nil)
	ca := filepath.Join(dir, "clients.pem")
	write(t, ca, root.PEM())
	cert, key := root.Issue(nil, "alice").Write(dir, "alice")
	strangerCert, strangerKey := testkit.NewAuthority(t, "Other CA", nil).Issue(nil, "mallory").Write(dir, "mallory")
	for _, reqs := range []string{"1", "2"} {
		s := startTLS(t, "environ:app", "--cert-reqs", reqs, "--ca-certs", ca)
		wantIn(t, s.client("-cert", cert, "-key", key), `"SSL_CLIENT_VERIFY": "SUCCESS"`, `"SSL_CLIENT_S_DN": "CN=alice,O=Kirin"`, `"SSL_CLIENT_I_DN": "CN=Client CA"`)
		wantIn(t, s.client("-tls1_2", "-cert", strangerCert, "-key", strangerKey), "alert")
		without := map[string]string{"1": `"SSL_CLIENT_VERIFY": "NONE"`, "2": "alert"}[reqs]
		wantIn(t, s.client("-tls1_2"), without)
	}
}

// TestTLSChange wants a certificate that is replaced under load taken in by itself, and no handshake to fail.
func TestTLSChange(t *testing.T) {
	t.Parallel()
	s := startTLS(t, "hello:app")
	pool := s.root.Pool()
	var failed atomic.Value
	var seen, count atomic.Int64
	stop := make(chan struct{})
	done := make(chan struct{})
	for range 2 {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				select {
				case <-stop:
					return
				default:
				}
				c, err := tls.Dial("tcp", s.Addr, &tls.Config{ServerName: "localhost", RootCAs: pool})
				if err != nil {
					failed.Store(err)
					return
				}
				seen.Store(c.ConnectionState().PeerCertificates[0].SerialNumber.Int64())
				count.Add(1)
				c.Close()
			}
		}()
	}
	for range 3 {
		fresh := s.root.Issue(func(c *x509.Certificate) { c.Subject.CommonName = "fresh" }, "localhost")
		fresh.Write(s.dir, "shop", s.root)
		want := fresh.Cert.SerialNumber.Int64()
		deadline := time.Now().Add(testkit.Patience)
		for seen.Load() != want && failed.Load() == nil && time.Now().Before(deadline) {
			<-time.After(10 * time.Millisecond)
		}
		if seen.Load() != want {
			t.Errorf("the new certificate is not served")
			break
		}
	}
	close(stop)
	<-done
	<-done
	if err := failed.Load(); err != nil {
		t.Errorf("a handshake failed: %v", err)
	}
	t.Logf("%d handshakes", count.Load())
	write(t, filepath.Join(s.dir, "shop.pem"), "broken")
	s.Err.Wait(t, "the old ones stay")
	wantIn(t, s.client(), "Hello, World!")
	s.Signal(syscall.SIGHUP)
	s.Err.Wait(t, "reload failed: certfile "+filepath.Join(s.dir, "shop.pem")+" is not in PEM form")
}

// TestTLSMistakes wants one line for each, and status 2.
func TestTLSMistakes(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"text": "hello", "conf.py": "def ssl_context(config, default_ssl_context_factory):\n    return default_ssl_context_factory()\n"})
	root := testkit.NewAuthority(t, "Test CA", nil)
	cert, key := root.Issue(nil, "localhost").Write(dir, "a", root)
	_, other := root.Issue(nil, "localhost").Write(dir, "b", root)
	for line, want := range map[string]string{
		"--certfile " + cert + " --keyfile " + other:                  "does not fit keyfile",
		"--certfile " + dir + "/none --keyfile " + key:                "cannot be read: no such file or directory",
		"--certfile " + dir + "/text --keyfile " + key:                "is not in PEM form",
		"--certfile " + cert:                                          "holds no private key: set keyfile",
		"--keyfile " + key:                                            "there is a keyfile and no certfile",
		"--bind https://127.0.0.1:0":                                  "is for TLS, and there is no certificate",
		"--certfile " + cert + " --keyfile " + key + " --cert-reqs 2": "cannot be checked without ca_certs",
		"--config " + dir + "/conf.py":                                "ssl_context",
	} {
		s := testkit.Launch(t, options{App: "hello:app", Args: args(line), Bind: testkit.NoBind})
		if code := s.ExitCode(); code != 2 {
			t.Errorf("%s: status %d", line, code)
		}
		wantIn(t, read(t, s.Err.Path), want)
	}
	old, oldKey := root.Issue(func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = c.NotBefore.AddDate(-1, 0, 0), c.NotBefore.AddDate(0, -1, 0)
	}, "localhost").Write(dir, "old", root)
	s := testkit.Start(t, options{App: "hello:app", Args: []string{"--certfile", old, "--keyfile", oldKey}})
	s.Err.Wait(t, "has expired on ")
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestTLSRedirect wants plain requests sent to https, and browsers told to stay there.
func TestTLSRedirect(t *testing.T) {
	t.Parallel()
	plain := testkit.FreeAddr()
	s := startTLS(t, "hello:app", "--bind", "http://"+plain, "--https-redirect", "8443", "--hsts", "300")
	c := s.DialTo(plain)
	for _, target := range []string{"/a?b", "http://shop.test:8000/a?b"} { // a target in absolute form does not get past it
		c.Send("GET %s HTTP/1.1\r\nHost: shop.test:8000\r\n\r\n", target)
		if r := c.Response("GET"); r.Status != 301 || r.Header.Get("Location") != "https://shop.test:8443/a?b" || r.Header.Get("Strict-Transport-Security") != "" {
			t.Errorf("%s: %d %v", target, r.Status, r.Header)
		}
	}
	c.Send("POST /a HTTP/1.1\r\nHost: shop.test\r\nContent-Length: 5\r\n\r\nhello")
	if r := c.Response("POST"); r.Status != 308 {
		t.Errorf("POST: %d", r.Status)
	}
	c = s.DialTo(plain)
	c.Send("GET /.well-known/acme-challenge/x HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	wantBody(t, c.Response("GET"), 200, "Hello, World!\n")
	wantIn(t, s.client(), "Strict-Transport-Security: max-age=300")
	c = s.Dial()
	c.Send("GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n")
	wantBody(t, c.Response("GET"), 400, "this port speaks HTTPS\n")
}

// TestTLSWebSocket wants wss served to a real client.
func TestTLSWebSocket(t *testing.T) {
	t.Parallel()
	s := startTLS(t, "sockets:app")
	cmd := exec.Command(testkit.Python(), filepath.Join(testkit.Root(), "test/apps/wsclient.py"), "wss://localhost:"+strings.SplitAfter(s.Addr, ":")[1])
	cmd.Env = append(os.Environ(), "SSL_CERT_FILE="+s.ca)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
	s.Trace.Wait(t, 2, "disconnect", "4001")
}

// TestTLSScope wants the tls extension in an ASGI scope.
func TestTLSScope(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"scope.py": `
async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    text = repr((scope["http_version"], scope["scheme"], scope["extensions"].get("tls"), "kirin.tls" in scope))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": text.encode()})
`})
	s := startTLS(t, "scope:app", "--chdir", dir)
	wantIn(t, s.client("-tls1_3"), "'1.1', 'https'", "'tls_version': 772", "'client_cert_chain': []", "'client_cert_name': None", "False)")
	out, err := exec.Command("curl", "-sS", "--http2", "--cacert", s.ca, "https://localhost:"+strings.SplitAfter(s.Addr, ":")[1]).CombinedOutput()
	if err != nil {
		t.Error(err)
	}
	wantIn(t, string(out), "'2', 'https'", fmt.Sprintf("'tls_version': %d", tls.VersionTLS13))
}
