package test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// uwsgiNginx starts nginx with the block of docs/proxies.md that has uwsgi_pass, and gives its address.
func uwsgiNginx(t *testing.T, bind string) string {
	t.Helper()
	addr, dir := testkit.FreeAddr(), folder(t, nil)
	conf := replaced(t, block(t, "proxies.md", "# /etc/nginx/conf.d/shop-uwsgi.conf"), "listen 80;", "listen "+addr+";\nclient_max_body_size 0;",
		"unix:/run/shop.sock", bind, "include uwsgi_params", "uwsgi_param REMOTE_USER ada; include /etc/nginx/uwsgi_params")
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;\n"
	}
	temp := ""
	for _, what := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temp += what + "_temp_path " + dir + "/" + what + ";\n"
	}
	write(t, filepath.Join(dir, "nginx.conf"), user+"daemon off;\nworker_processes 1;\npid "+dir+"/pid;\nerror_log stderr;\nevents {}\nhttp {\naccess_log off;\n"+
		temp+conf+"}\n")
	startProxy(t, addr, "nginx", "-e", "stderr", "-p", dir, "-c", filepath.Join(dir, "nginx.conf"))
	return addr
}

// TestUWSGIBehindNginx: Debian's nginx with uwsgi_pass and its own uwsgi_params, on TCP and on a Unix socket.
func TestUWSGIBehindNginx(t *testing.T) {
	t.Parallel()
	for _, socket := range []string{"tcp", "unix"} {
		t.Run(socket, func(t *testing.T) {
			t.Parallel()
			bind := testkit.FreeAddr()
			if socket == "unix" {
				bind = "unix:" + folder(t, nil) + "/shop.sock"
			}
			testkit.Launch(t, options{App: "environ:app", Args: args("--protocol uwsgi"), Bind: []string{bind}}).Err.Wait(t, "Listening at")
			addr, client := uwsgiNginx(t, bind), from127002()
			env := environOf(t, client, "http://"+addr+"/a%20b?c=%20d")
			for name, want := range map[string]string{
				"PATH_INFO": "/a b", "QUERY_STRING": "c=%20d", "REQUEST_METHOD": "GET", "REMOTE_ADDR": clientAddr, "REMOTE_USER": "ada",
				"wsgi.url_scheme": "http", "SERVER_PROTOCOL": "HTTP/1.1", "REQUEST_SCHEME": "http",
			} {
				if env[name] != want {
					t.Errorf("%s is %q, want %q", name, env[name], want)
				}
			}
			if !strings.HasPrefix(fmt.Sprint(env["HTTP_HOST"]), "127.0.0.1") { // Debian's nginx leaves the port out
				t.Errorf("HTTP_HOST is %q", env["HTTP_HOST"])
			}
			resp, err := client.Head("http://" + addr + "/")
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("HEAD: %v, %v", resp, err)
			}
		})
	}
}

// environOf has the application environ.py tell its environ.
func environOf(t *testing.T, c *http.Client, url string) map[string]any {
	t.Helper()
	resp, err := c.Get(url)
	status, body := fetch(t, resp, err)
	return decode[map[string]any](t, &testkit.Response{Status: status, Body: []byte(body)})
}

// TestUWSGIBodies: bodies of any size go both ways, sent at once and in chunks.
func TestUWSGIBodies(t *testing.T) {
	t.Parallel()
	s := testkit.Launch(t, options{App: "echo:app", Args: args("--protocol uwsgi")})
	s.Err.Wait(t, "Listening at")
	addr, client := uwsgiNginx(t, s.Addr), from127002()
	for _, size := range []int64{0, 1, 70_000, 20 << 20} {
		for _, chunked := range []bool{false, true} {
			body, err := io.ReadAll(testkit.Pattern(size))
			if err != nil {
				t.Fatal(err)
			}
			var sent io.Reader = bytes.NewReader(body)
			if chunked {
				sent = io.MultiReader(sent) // of which the client knows no length
			}
			resp, err := client.Post("http://"+addr+"/chunked", "text/plain", sent)
			status, got := fetch(t, resp, err)
			if status != 200 || got != string(body) {
				t.Errorf("%d bytes, chunked %v: %d, %d bytes came back", size, chunked, status, len(got))
			}
		}
	}
}

// TestUWSGIRefusesHTTP: a client that speaks HTTP, and a peer that may not speak uwsgi, are told so.
func TestUWSGIRefusesHTTP(t *testing.T) {
	t.Parallel()
	s := testkit.Launch(t, options{App: "hello:app", Args: args("--protocol uwsgi --uwsgi-allow-from 192.0.2.1")})
	s.Err.Wait(t, "Listening at")
	c := s.Dial()
	c.Send("GET / HTTP/1.1\r\n%s\r\n", host)
	if r := c.Response("GET"); r.Status != 403 || !strings.Contains(string(r.Body), "uwsgi_allow_ips") {
		t.Errorf("%d %s", r.Status, r.Body)
	}
	s.Err.Wait(t, `Invalid request from ip=127\.0\.0\.1: uwsgi from a peer that uwsgi_allow_ips does not allow`)
}
