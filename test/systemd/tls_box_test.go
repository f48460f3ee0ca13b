package systemd

import (
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// tlsApp tells its process, and tries every place where a key may lie.
const tlsApp = `
import glob, os

PLACES = ["/etc/letsencrypt/live/shop/privkey.pem", "/run/credentials/kirin@shop.service", "/run/kirin/shop"]

def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    found = []
    for place in PLACES:
        try:
            found += os.listdir(place) if os.path.isdir(place) else [open(place).read()]
        except OSError:
            pass
    return [("%s %d %s" % (environ["wsgi.url_scheme"], os.getpid(), found)).encode()]
`

const tlsConf = `[App]
Application=tlsapp:app
Directory=/srv/shop
User=shop
Bind=127.0.0.1:8443
Bind=http://127.0.0.1:8000
CertFile=/etc/letsencrypt/live/shop/fullchain.pem
KeyFile=/etc/letsencrypt/live/shop/privkey.pem
`

const live = "/etc/letsencrypt/live/shop/"

// renew puts a certificate where certbot does, with its permissions, and gives the serial number.
func (h *host) renew(root *testkit.Authority) string {
	h.t.Helper()
	c := root.Issue(nil, "localhost")
	h.WriteFile(live+"fullchain.pem", c.PEM(root))
	h.WriteFile(live+"privkey.pem", c.KeyPEM())
	h.Exec("sh", "-ec", "chmod 700 /etc/letsencrypt/live; chmod 600 "+live+"privkey.pem")
	return strings.ToUpper(c.Cert.SerialNumber.Text(16))
}

// served is the serial number of the certificate that clients get.
func (h *host) served() string {
	h.t.Helper()
	return h.Output("sh", "-ec", "openssl s_client -connect 127.0.0.1:8443 -servername localhost </dev/null 2>/dev/null | openssl x509 -noout -serial")
}

func (h *host) wantServed(serial string) {
	h.t.Helper()
	if got := strings.TrimLeft(strings.TrimPrefix(strings.TrimSpace(h.served()), "serial="), "0"); got != serial {
		h.t.Errorf("the certificate %s is served, want %s", got, serial)
	}
}

// TestTLS wants a key that only root may read to reach the front, never the application, and a renewal to be taken in by one command and
// kept by the front's successors.
func TestTLS(t *testing.T) {
	t.Parallel()
	root := testkit.NewAuthority(t, "Test CA", nil)
	h := newHost(t, map[string]string{"/etc/kirin/shop.conf": tlsConf, "/srv/shop/tlsapp.py": tlsApp, "/etc/ca.pem": root.PEM()})
	first := h.renew(root)
	if r := h.Try("kirin", "check", "shop"); r.Status != 0 {
		t.Errorf("kirin check: %+v", r)
	}
	h.Systemctl("start", "kirin@shop.socket")
	get := func(scheme string) string {
		return strings.TrimSpace(h.Output("curl", "-sS", "--cacert", "/etc/ca.pem", map[string]string{"https": "https://localhost:8443/", "http": "http://127.0.0.1:8000/"}[scheme]))
	}
	before := get("https")
	if !strings.HasPrefix(before, "https ") || !strings.HasSuffix(before, " []") || !strings.HasPrefix(get("http"), "http ") {
		t.Errorf("answered %q and %q", before, get("http"))
	}
	h.wantServed(first)

	second := h.renew(root)
	h.Exec("kirin", "reload", "--certificates", "shop")
	h.wantServed(second)
	if after := get("https"); after != before {
		t.Errorf("the worker was replaced, or finds a key: %q, before %q", after, before)
	}
	h.Exec("kirin", "reexec", "shop")
	h.wantServed(second)

	h.WriteFile(live+"privkey.pem", root.Issue(nil, "localhost").KeyPEM())
	for _, command := range [][]string{{"kirin", "reload", "--certificates", "shop"}, {"kirin", "reload", "shop"}, {"kirin", "check", "shop"}} {
		if r := h.Try(command...); r.Status == 0 || !strings.Contains(r.Stderr, "does not fit keyfile "+live+"privkey.pem") {
			t.Errorf("%q: %+v", command, r)
		}
	}
	h.wantServed(second)
	third := h.renew(root)
	h.Systemctl("reload", "kirin@shop.service")
	h.wantServed(third)
	if after := get("https"); !strings.HasSuffix(after, " []") {
		t.Errorf("the application finds %q", after)
	}

	h.Exec("rm", live+"privkey.pem")
	if r := h.Try("systemctl", "restart", "kirin@shop.service"); r.Status == 0 {
		t.Error("it starts without a key")
	}
	said := h.Output("sh", "-ec", "journalctl --sync; journalctl --unit=kirin@shop.service --output=cat")
	wantIn(t, "the journal", said, "keyfile "+live+"privkey.pem cannot be read: systemd found no such file")
}
