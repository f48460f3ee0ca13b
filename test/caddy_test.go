package test

import (
	"context"
	"crypto/tls"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// caddy starts one with the block of docs/proxies.md, with TLS, and gives its address and a client with an address
// of its own for it.
func caddy(t *testing.T, pairs ...string) (addr string, client *http.Client) {
	t.Helper()
	addr, dir := testkit.FreeAddr(), folder(t, nil)
	cert, key := testkit.NewAuthority(t, "Test CA", nil).Issue(nil, "shop.example").Write(dir, "shop")
	conf := replaced(t, block(t, "proxies.md", "# /etc/caddy/Caddyfile"), append(pairs, "shop.example {",
		"https://shop.example:"+addr[strings.LastIndexByte(addr, ':')+1:]+" {\n    bind 127.0.0.1\n    tls "+cert+" "+key)...)
	path := filepath.Join(dir, "Caddyfile")
	write(t, path, "{\n    admin off\n    auto_https disable_redirects\n}\n"+conf)
	startProxy(t, addr, "env", "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir, "caddy", "run", "--config", path, "--adapter", "caddyfile")
	client = from127002()
	tr := client.Transport.(*http.Transport)
	plain := tr.DialContext
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) { // so that ask can be told any address
		c, err := plain(ctx, network, addr)
		if err != nil {
			return nil, err
		}
		return tls.Client(c, &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example"}), nil
	}
	t.Cleanup(tr.CloseIdleConnections)
	return addr, client
}

// caddyFlags name what Caddy sets.
const caddyFlags = "--proxy-headers X-Forwarded-For,X-Forwarded-Proto,X-Forwarded-Host --access-logfile - "

// TestBehindCaddy: frameworks know the client, the scheme and the host behind Caddy as docs/proxies.md has it, on TCP and on a Unix socket,
// whatever the client claims.
func TestBehindCaddy(t *testing.T) {
	t.Parallel()
	for _, app := range whoApps {
		for _, socket := range []string{"tcp", "unix"} {
			t.Run(app+" "+socket, func(t *testing.T) {
				t.Parallel()
				bind, upstream := testkit.FreeAddr(), ""
				if upstream = bind; socket == "unix" {
					path := folder(t, nil) + "/shop.sock"
					bind, upstream = "unix:"+path, "unix/"+path
				}
				s := testkit.Start(t, options{App: "whoami:" + app, Args: args(caddyFlags), Bind: []string{bind}})
				static := folder(t, map[string]string{"a.css": "body {}\n"})
				addr, client := caddy(t, "127.0.0.1:8000", upstream, "/srv/shop/static", static)
				for range 3 { // over connections that are kept
					got := ask(t, client, addr, "/a?b=c", "X-Forwarded-For", "203.0.113.66", "X-Forwarded-Proto", "gopher", "X-Forwarded-Host", "evil.example")
					if got.Scheme != "https" || got.Host != "shop.example" || got.Client != clientAddr || got.URL != "https://shop.example/a?b=c" {
						t.Errorf("%+v", got)
					}
				}
				s.Out.Wait(t, `^127\.0\.0\.2 - - .*"GET /a\?b=c HTTP/1\.1" 200`)
				req, err := http.NewRequest("GET", "http://"+addr+"/static/a.css", nil)
				must(t, err)
				req.Host = "shop.example"
				resp, err := client.Do(req)
				if status, body := fetch(t, resp, err); status != 200 || body != "body {}\n" {
					t.Errorf("Caddy's own file: %d %q", status, body)
				}
			})
		}
	}
}
