package systemd

import (
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// host is a box with kirin as a package would have installed it, and an account for applications.
type host struct {
	*box.Box
	t *testing.T
}

// newHost boots one. The files are the host's own, such as /etc/kirin/shop.conf; systemd has read them.
func newHost(t *testing.T, files map[string]string) *host {
	t.Helper()
	h := &host{t: t, Box: box.Up(t, box.Options{Bind: []string{testkit.Root() + ":/src:ro"}})}
	h.Install(testkit.Binary(t, true), "/usr/bin/kirin")
	h.Exec("sh", "-ec", install)
	for path, text := range files {
		h.WriteFile(path, text)
	}
	h.Systemctl("daemon-reload")
	return h
}

// install does what a package would, also where the machine has one installed, whose generator the box has masked.
const install = `
	rm -rf /etc/kirin /usr/lib/kirin /etc/systemd/system-generators/kirin-generator
	cp /src/packaging/systemd/kirin@.socket /src/packaging/systemd/kirin@.service /usr/lib/systemd/system/
	cp /src/packaging/systemd/kirin-worker@.socket /src/packaging/systemd/kirin-worker@.service /usr/lib/systemd/system/
	mkdir -p /usr/lib/systemd/system-generators /usr/lib/sysusers.d /usr/lib/kirin/python /etc/kirin /srv/shop
	cp /src/packaging/systemd/kirin.sysusers /usr/lib/sysusers.d/kirin.conf
	cp /src/packaging/systemd/kirin.catalog /usr/lib/systemd/catalog/
	cp -r /src/workers/python/kirin_worker /usr/lib/kirin/python/
	cp /src/packaging/worker.py /usr/lib/kirin/
	ln -sf ../../../bin/kirin /usr/lib/systemd/system-generators/kirin-generator
	cp /src/test/apps/*.py /srv/shop/
	systemd-sysusers >/dev/null 2>&1
	useradd --system --no-create-home shop
`

// shopConf is an ordinary application's file.
const shopConf = `[App]
Application=hello:app
Directory=/srv/shop
Python=/usr/bin/python3
User=shop
Bind=127.0.0.1:8000
Bind=[::1]:8000
Bind=unix:/run/shop.sock
Workers=2
[Socket]
SocketMode=0660
SocketGroup=shop
[Worker]
MemoryMax=256M
[Slice]
CPUQuota=400%
`

// helloApp answers with what is asked of it.
const helloApp = `def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]
`

func (h *host) get(path string) (int, string) {
	h.t.Helper()
	r := h.Conn(address).Get(path)
	return r.Status, string(r.Body)
}

func (h *host) wantGet(path, want string) {
	h.t.Helper()
	if status, body := h.get(path); status != 200 || body != want {
		h.t.Errorf("GET %s: %d, %q; want %q", path, status, body, want)
	}
}

// wantIn compares lines of a text.
func wantIn(t *testing.T, what, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains(text, line) {
			t.Errorf("%s has no %q:\n%s", what, line, text)
		}
	}
}

// unitsOfShop are all of the application's, with two workers and a spare one.
func unitsOfShop() []string {
	units := []string{"kirin@shop.socket", "kirin@shop.service"}
	for _, n := range []string{"1", "2", "3"} {
		units = append(units, "kirin-worker@shop:"+n+".socket", "kirin-worker@shop:"+n+".service")
	}
	return append(units, "kirin-shop.slice")
}
