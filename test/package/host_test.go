package packaging

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

const (
	address = "127.0.0.1:8000"
	front   = "kirin@shop.service"
	socket  = "kirin@shop.socket"
)

// shopConf is an application under load: load:app of test/apps.
const shopConf = `[App]
Application=load:app
Directory=/srv/shop
User=www-data
Bind=` + address + `
Workers=2
Environment=TRACE=/srv/shop/trace PYTHONDONTWRITEBYTECODE=1
[Worker]
ReadWritePaths=/srv/shop
`

// host is a machine on which packages are installed. The folders of both versions' packages are /older and /newer.
type host struct {
	*box.Box
	t     *testing.T
	trace *testkit.Trace
}

// newHost boots a machine without kirin.
func newHost(t *testing.T) *host { return newHostOn(t, box.Options{}) }

func newHostOn(t *testing.T, o box.Options) *host {
	t.Helper()
	dir := testkit.AppFolder(t, nil)
	o.Bind = append(o.Bind, testkit.Packages(t, older)+":/older:ro", testkit.Packages(t, newer)+":/newer:ro", dir+":/srv/shop")
	h := &host{Box: box.Up(t, o), t: t, trace: &testkit.Trace{Path: filepath.Join(dir, "trace")}}
	h.Exec("rm", "-f", "/var/lib/man-db/auto-update") // an index of all manual pages takes seconds
	return h
}

// in is the path of a package in the box.
func (h *host) in(path, version string) string {
	dir := map[string]string{older: "/older/", newer: "/newer/"}[version]
	return dir + filepath.Base(path)
}

// dpkg installs a version and returns what dpkg said.
func (h *host) dpkg(version string) string {
	h.t.Helper()
	r := h.Try("dpkg", "--install", h.in(deb(h.t, version), version))
	if r.Status != 0 {
		h.t.Fatalf("dpkg --install of %s: status %d\n%s%s", version, r.Status, r.Stdout, r.Stderr)
	}
	return r.Stdout + r.Stderr
}

// shop starts the application, and waits for its workers.
func (h *host) shop() {
	h.t.Helper()
	h.WriteFile("/etc/kirin/shop.conf", shopConf)
	h.Systemctl("daemon-reload")
	h.Systemctl("enable", "--now", socket)
	h.Systemctl("start", front)
	h.waitWorkers(2)
}

// load starts clients that GET and POST without a pause.
func (h *host) load() *testkit.Load {
	h.t.Helper()
	l := testkit.StartLoadOn(h.t, h.Dialer(address), testkit.LoadOptions{Connections: 6, PostEvery: 3, Body: 2000})
	l.Wait(50)
	return l
}

// unharmed ends a load, of which no request may have failed or been executed twice.
func (h *host) unharmed(l *testkit.Load) {
	h.t.Helper()
	r := l.Stop()
	r.NoFailures(h.t)
	r.AtMostOnce(h.t, h.trace.Executions("POST"))
	h.t.Logf("%d GET, %d POST, %d failed, %d reconnects, longest gap %v", r.Gets, r.Posts, len(r.Failures), r.Reconnects, r.LongestGap)
}

// program is what the front's process executes: its path, and the version that it is.
func (h *host) program() string {
	h.t.Helper()
	exe := "/proc/" + h.Property(front, "MainPID") + "/exe"
	return h.Output("readlink", exe) + " " + strings.Fields(h.Output(exe, "version"))[2]
}

// wantProgram compares the version that serves.
func (h *host) wantProgram(version string) {
	h.t.Helper()
	if got, want := h.program(), "/usr/bin/kirin "+version; got != want {
		h.t.Errorf("the front executes %q, want %q", got, want)
	}
}

// workers are the main processes of the workers that are active.
func (h *host) workers() []string {
	h.t.Helper()
	return h.MainPIDs("kirin-worker@shop:*.service")
}

// waitWorkers waits until there are so many workers and no others.
func (h *host) waitWorkers(n int) (pids []string) {
	h.t.Helper()
	h.Await("the number of workers", func() bool {
		pids = h.workers()
		return len(pids) == n
	})
	return pids
}

// get asks for the root on an address.
func (h *host) get(address string) string {
	h.t.Helper()
	r := h.Conn(address).Get("/")
	if r.Status != 200 {
		h.t.Fatalf("GET / on %s: status %d, %.200q", address, r.Status, r.Body)
	}
	return string(r.Body)
}
