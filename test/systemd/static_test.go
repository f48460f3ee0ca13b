package systemd

import (
	"strings"
	"testing"
)

// TestStaticFiles wants the front to read the directories of Static= in its sandbox, wherever they are, and nothing beside them.
func TestStaticFiles(t *testing.T) {
	t.Parallel()
	h := newHost(t, map[string]string{
		"/etc/kirin/shop.conf": `[App]
Application=app:app
Directory=/srv/shop
Static=/static/=/srv/shop/static
Static=/home/=/home/ann/site/static
Static=/tmp/=/tmp/static
InternalFiles=/private/=/var/lib/private-files
HealthPath=/healthz
`,
		"/srv/shop/app.py": `
def app(environ, start_response):
    start_response("200 OK", [("X-Accel-Redirect", "/private/x.txt")])
    return [b"no"]
`,
		"/srv/shop/static/a.txt": "in /srv", "/home/ann/site/static/a.txt": "at home", "/home/ann/secret": "secret", "/tmp/static/a.txt": "in /tmp",
		"/var/lib/private-files/x.txt": "private",
	})
	h.Exec("chmod", "700", "/home/ann") // as many distributions have it
	h.Systemctl("start", "kirin@shop.socket", "kirin@shop.service")
	for path, want := range map[string]string{
		"/static/a.txt": "in /srv", "/home/a.txt": "at home", "/tmp/a.txt": "in /tmp", "/app": "private", "/healthz": "ok\n",
	} {
		h.wantGet(path, want)
	}
	pid := h.Property("kirin@shop.service", "MainPID")
	if seen := h.Output("nsenter", "-m", "-t", pid, "ls", "/home/ann"); strings.TrimSpace(seen) != "site" {
		t.Errorf("the front sees at home: %s", seen)
	}

	h.Exec("rm", "-r", "/srv/shop/static")
	if r := h.Try("kirin", "check", "shop"); r.Status != 2 || !strings.Contains(r.Stderr, "/etc/kirin/shop.conf:4: Static: /srv/shop/static: no such file or directory: make it") {
		t.Errorf("kirin check: %d %s", r.Status, r.Stderr)
	}
}
