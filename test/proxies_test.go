package test

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// clientAddr is where the clients of these tests come from; the proxies' own address is 127.0.0.1.
const clientAddr = "127.0.0.2"

// block gives an indented block of a page of docs: the one whose first line is that.
func block(t *testing.T, page, first string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(), "docs", page))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n    "+first+"\n")
	if !found {
		t.Fatalf("docs/%s has no block that begins with %q", page, first)
	}
	var b strings.Builder
	for line := range strings.Lines(rest) {
		if line != "\n" && !strings.HasPrefix(line, "    ") {
			break
		}
		b.WriteString(strings.TrimPrefix(line, "    "))
	}
	return b.String()
}

// replaced replaces parts, each of which must be there.
func replaced(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("no %q in:\n%s", pairs[i], text)
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	return text
}

// startProxy starts a program that listens at addr, and ends it with the test.
func startProxy(t *testing.T, addr string, command ...string) {
	t.Helper()
	log := &testkit.Log{Path: filepath.Join(t.TempDir(), "log")}
	out, err := os.Create(log.Path)
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), "PATH=/usr/sbin:/usr/bin:/sbin:/bin")
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	exited := make(chan struct{})
	go func() {
		defer close(exited)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-exited:
		case <-time.After(testkit.Patience):
			_ = cmd.Process.Kill()
			<-exited
		}
		if t.Failed() {
			t.Logf("%s:\n%s", command[0], log)
		}
	})
	testkit.Eventually(t, command[0]+" accepts", func() bool {
		select {
		case <-exited:
			t.Fatalf("%s has ended:\n%s", command[0], log)
		default:
		}
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// nginx starts one with the block of docs/proxies.md, changed by pairs, and gives its address.
func nginx(t *testing.T, pairs ...string) string {
	t.Helper()
	addr, dir := testkit.FreeAddr(), folder(t, nil)
	conf := replaced(t, block(t, "proxies.md", "# /etc/nginx/conf.d/shop.conf"), append(pairs, "listen 80;", "listen "+addr+";")...)
	var temp strings.Builder
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		fmt.Fprintf(&temp, "%s_temp_path %s/%s;\n", what, dir, what)
	}
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	write(t, filepath.Join(dir, "nginx.conf"), user+"daemon off;\nworker_processes 1;\npid "+dir+"/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"+
		temp.String()+conf+"}\n")
	startProxy(t, addr, "nginx", "-e", "stderr", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	return addr
}

// haproxy starts one with a block of docs/proxies.md, and gives its address.
func haproxy(t *testing.T, name string, pairs ...string) string {
	t.Helper()
	addr, dir := testkit.FreeAddr(), folder(t, nil)
	conf := replaced(t, block(t, "proxies.md", "# /etc/haproxy/"+name), append(pairs, "bind :80", "bind "+addr)...)
	path := filepath.Join(dir, "haproxy.cfg")
	write(t, path, "defaults\n    timeout connect 30s\n    timeout client 60s\n    timeout server 60s\n"+conf)
	startProxy(t, addr, "haproxy", "-db", "-f", path)
	return addr
}

// from127002 is a client with an address of its own.
func from127002() *http.Client {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(clientAddr)}, Timeout: testkit.Patience}
	return &http.Client{
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return d.DialContext(ctx, network, addr)
		}},
		Timeout: 4 * testkit.Patience,
	}
}

// who is what a framework believes.
type who struct {
	Scheme, Host, Client, URL, Root string
	Path                            string // of asgi_app
	Environ                         map[string]string
}

// ask has an application tell what it believes.
func ask(t *testing.T, c *http.Client, addr, path string, headers ...string) who {
	t.Helper()
	req, err := http.NewRequest("GET", "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "shop.example"
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := c.Do(req)
	status, body := fetch(t, resp, err)
	if status != 200 {
		t.Fatalf("%s: %d %s", path, status, body)
	}
	return decode[who](t, &testkit.Response{Status: status, Body: []byte(body)})
}

// apps are those of test/apps/whoami.py.
var whoApps = []string{"flask_app", "django_app", "asgi_app"}

const forwardedFlags = "--proxy-headers X-Forwarded-For,X-Forwarded-Proto --access-logfile - "

// TestBehindNginx: frameworks know the client and the scheme behind nginx, on TCP and on a Unix socket, whatever the client claims.
func TestBehindNginx(t *testing.T) {
	t.Parallel()
	for _, app := range whoApps {
		for _, socket := range []string{"tcp", "unix"} {
			t.Run(app+" "+socket, func(t *testing.T) {
				t.Parallel()
				bind := testkit.FreeAddr()
				if socket == "unix" {
					bind = "unix:" + folder(t, nil) + "/shop.sock"
				}
				s := testkit.Start(t, options{App: "whoami:" + app, Args: args(forwardedFlags), Bind: []string{bind}})
				static := folder(t, map[string]string{"a.css": "body {}\n"})
				addr := nginx(t, "unix:/run/shop.sock", bind, "/srv/shop/static/", static+"/", "X-Forwarded-Proto $scheme", "X-Forwarded-Proto https")
				client := from127002()
				for range 3 { // over connections that are kept
					got := ask(t, client, addr, "/a?b=c", "X-Forwarded-For", "203.0.113.66", "X-Forwarded-Proto", "gopher", "X-Forwarded-Host", "evil.example")
					if got.Scheme != "https" || got.Host != "shop.example" || got.Client != clientAddr || got.URL != "https://shop.example/a?b=c" {
						t.Errorf("%+v", got)
					}
					if got.Environ["SERVER_PORT"] != "443" || got.Environ["SERVER_NAME"] != "shop.example" {
						t.Errorf("environ: %v", got.Environ)
					}
				}
				s.Out.Wait(t, `^127\.0\.0\.2 - - .*"GET /a\?b=c HTTP/1\.1" 200`)
				resp, err := client.Get("http://" + addr + "/static/a.css")
				if status, body := fetch(t, resp, err); status != 200 || body != "body {}\n" {
					t.Errorf("nginx's own file: %d %q", status, body)
				}
			})
		}
	}
}

// TestBehindNginxByDefault: without a word about proxies it is as with Gunicorn: the scheme is believed, the client is the proxy.
func TestBehindNginxByDefault(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "whoami:flask_app"})
	addr := nginx(t, "unix:/run/shop.sock", s.Addr, "X-Forwarded-Proto $scheme", "X-Forwarded-Proto https")
	if got := ask(t, from127002(), addr, "/"); got.Scheme != "https" || got.Client != "127.0.0.1" {
		t.Errorf("%+v", got)
	}
	got := ask(t, from127002(), s.Addr, "/", "X-Forwarded-Proto", "https", "X-Forwarded-For", "203.0.113.66")
	if got.Scheme != "http" || got.Client != clientAddr {
		t.Errorf("a stranger is believed: %+v", got)
	}
}

// TestBehindNginxStreams: what the application sends arrives as it is made, and WebSockets go through.
func TestBehindNginxStreams(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "whoami:asgi_app"})
	addr := nginx(t, "unix:/run/shop.sock", s.Addr)
	wantStatus(t, s.Get("/"), 200) // the handshake's time-out is no time for a worker to start in
	script := filepath.Join(testkit.Root(), "test/apps/wsclient.py")
	if out, err := exec.Command(testkit.Python(), script, "ws://"+addr).CombinedOutput(); err != nil {
		t.Errorf("WebSockets behind nginx: %v: %s", err, out)
	}
	s.Trace.Wait(t, 2, "disconnect", "4001")

	gate := fifo(t)
	slow := testkit.Start(t, options{App: "gated:app", Env: []string{"GATE=" + gate}})
	addr = nginx(t, "unix:/run/shop.sock", slow.Addr)
	resp, err := http.Get("http://" + addr + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 6)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "first\n" {
		t.Fatalf("the first part: %q, %v", first, err)
	}
	if err := os.WriteFile(gate, []byte("go on\n"), 0); err != nil { // the application waits for it
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "second\n" {
		t.Errorf("the rest: %q, %v", rest, err)
	}
}

// TestBehindNginxPrefix: an application below a path makes the right addresses.
func TestBehindNginxPrefix(t *testing.T) {
	t.Parallel()
	for _, app := range whoApps {
		t.Run(app, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "whoami:" + app, Args: args("--proxy-headers X-Forwarded-For,X-Forwarded-Prefix")})
			addr := nginx(t, "unix:/run/shop.sock", s.Addr, "location / {", "location /shop/ {", "proxy_pass http://shop;",
				"proxy_pass http://shop/; proxy_set_header X-Forwarded-Prefix /shop;")
			got := ask(t, from127002(), addr, "/shop/a")
			if app == "asgi_app" { // Debian's Starlette does not know yet that the path has the root path
				got.URL = "http://shop.example" + got.Path
			}
			if got.Root != "/shop" || got.URL != "http://shop.example/shop/a" || got.Client != clientAddr {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestBehindTwo: with two proxies the second hop counts; with networks, whoever is before them.
func TestBehindTwo(t *testing.T) {
	t.Parallel()
	for _, flags := range []string{"--proxy-hops 2", "--proxy-hops 0"} {
		t.Run(flags, func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "whoami:flask_app", Args: args(forwardedFlags + flags)})
			inner := nginx(t, "unix:/run/shop.sock", s.Addr, "X-Forwarded-Proto $scheme", "X-Forwarded-Proto $http_x_forwarded_proto")
			outer := nginx(t, "unix:/run/shop.sock", inner, "X-Forwarded-Proto $scheme", "X-Forwarded-Proto https")
			if got := ask(t, from127002(), outer, "/", "X-Forwarded-For", "203.0.113.66"); got.Client != clientAddr || got.Scheme != "https" {
				t.Errorf("%+v", got)
			}
		})
	}
}

// TestBehindHAProxy: the client is known by X-Forwarded-For, and by the PROXY protocol of both versions.
func TestBehindHAProxy(t *testing.T) {
	t.Parallel()
	for _, app := range whoApps {
		t.Run(app+" forwardfor", func(t *testing.T) {
			t.Parallel()
			s := testkit.Start(t, options{App: "whoami:" + app, Args: args(forwardedFlags + "--health-path /healthz")})
			addr := haproxy(t, "haproxy.cfg", "127.0.0.1:8000", s.Addr)
			got := ask(t, from127002(), addr, "/", "X-Forwarded-For", "203.0.113.66", "X-Forwarded-Proto", "https")
			if got.Client != clientAddr || got.Scheme != "http" || got.Host != "shop.example" {
				t.Errorf("%+v", got)
			}
		})
	}
	for _, send := range []string{"send-proxy", "send-proxy-v2"} {
		for mode, flags := range map[string]string{"off": "", "auto": "--proxy-protocol", "v1": "--proxy-protocol=v1", "v2": "--proxy-protocol=v2"} {
			t.Run(send+" "+mode, func(t *testing.T) {
				t.Parallel()
				testSendProxy(t, send, mode, flags)
			})
		}
	}
}

func testSendProxy(t *testing.T, send, mode, flags string) {
	s := testkit.Start(t, options{App: "whoami:flask_app", Args: args("--access-logfile - " + flags)})
	addr := haproxy(t, "tcp.cfg", "127.0.0.1:8000", s.Addr, "send-proxy-v2", send)
	client := from127002()
	if mode == "off" || mode == "v1" && send != "send-proxy" || mode == "v2" && send == "send-proxy" {
		resp, err := client.Get("http://" + addr + "/")
		if err == nil && resp.StatusCode != 400 {
			t.Errorf("a header that is not taken: status %d", resp.StatusCode)
		}
		s.Err.Wait(t, `Invalid request from ip=127\.0\.0\.1`)
		return
	}
	for range 2 {
		got := ask(t, client, addr, "/")
		if got.Client != clientAddr || got.Environ["PROXY_PROTOCOL"] != "TCP4" || got.Environ["PROXY_ADDR"] != "127.0.0.1" {
			t.Errorf("%+v", got)
		}
	}
	s.Out.Wait(t, `^127\.0\.0\.2 - - `)
}

// TestProxyProtocolStranger: a header from a peer that may not send one is refused, with one line in the log.
func TestProxyProtocolStranger(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hello:app", Args: args("--proxy-protocol --proxy-allow-from 192.0.2.0/24")})
	addr := haproxy(t, "tcp.cfg", "127.0.0.1:8000", s.Addr)
	resp, err := from127002().Get("http://" + addr + "/")
	if status, _ := fetch(t, resp, err); status != 403 {
		t.Errorf("status %d", status)
	}
	s.Err.Wait(t, `Invalid request from ip=127\.0\.0\.1: a PROXY protocol header from a peer that proxy_allow_ips does not allow`)
	wantStatus(t, s.Get("/"), 200)
}
