// Package systemd holds the tests of kirin under a real systemd: each boots a box of
// its own (test/box), installs the built binary and unit files in it, and does
// what an administrator does.
package systemd

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Run(m)) }

// options say what a shop is like; the zero value serves load:app by two workers.
type options struct {
	App     string            // MODULE:CALLABLE of test/apps
	Args    string            // flags of kirin run
	Socket  bool              // shop.socket listens; or else kirin binds the address itself
	Service string            // further lines of [Service]
	Files   map[string]string // files of the application's folder, besides those of test/apps
}

// shop is a box with kirin and one application, which a user who knows "kirin run" has
// put under systemd by a unit of his own writing.
type shop struct {
	*box.Box
	t     *testing.T
	dir   string // the application's folder, /srv/shop in the box
	trace *testkit.Trace
	loads int // that were started
}

const (
	service = "shop.service"
	socket  = "shop.socket"
	address = "127.0.0.1:8000"
)

const socketUnit = `[Socket]
ListenStream=` + address + `
FileDescriptorName=http
[Install]
WantedBy=sockets.target
`

// serviceUnit takes the flags and the application, and further lines of [Service].
const serviceUnit = `[Service]
Type=notify
User=www-data
WorkingDirectory=/srv/shop
Environment=TRACE=/srv/shop/trace PYTHONDONTWRITEBYTECODE=1 "GORACE=exitcode=66 atexit_sleep_ms=10"
ExecStart=/usr/bin/kirin run --python /usr/bin/python3 %s %s
ExecReload=/bin/kill -HUP $MAINPID
KillMode=mixed
TimeoutStopSec=40s
%s
[Install]
WantedBy=multi-user.target
`

// newShop boots a box and puts everything in place; nothing is started.
func newShop(t *testing.T, o options) *shop {
	t.Helper()
	binary := testkit.Binary(t, false)
	s := &shop{t: t, dir: testkit.AppFolder(t, o.Files)}
	s.trace = &testkit.Trace{Path: filepath.Join(s.dir, "trace")}
	s.Box = box.Up(t, box.Options{Bind: []string{s.dir + ":/srv/shop"}})
	s.Install(binary, "/usr/bin/kirin")
	app, args := o.App, o.Args+" --workers 2"
	if app == "" {
		app = "load:app"
	}
	if strings.Contains(o.Args, "--workers") {
		args = o.Args
	}
	if o.Socket {
		s.WriteFile("/etc/systemd/system/"+socket, socketUnit)
	} else {
		args += " --bind " + address
	}
	s.WriteFile("/etc/systemd/system/"+service, fmt.Sprintf(serviceUnit, args, app, o.Service))
	s.Systemctl("daemon-reload")
	t.Cleanup(s.checkRaces)
	return s
}

// startShop is newShop with the service started, which is to say that a worker is ready.
func startShop(t *testing.T, o options) *shop {
	t.Helper()
	s := newShop(t, o)
	if o.Socket {
		s.Systemctl("start", socket)
	}
	s.Systemctl("start", service)
	return s
}

// checkRaces fails the test when a binary built with the race detector has reported anything.
func (s *shop) checkRaces() {
	if races := s.find(box.Query{}, "DATA RACE|^panic:|^fatal error:"); len(races) > 0 {
		s.t.Errorf("a data race or a panic: %v", races)
	}
}

// write replaces a file as a deployment does: a new one is renamed over the old one.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// deploy makes load:app another version.
func (s *shop) deploy(version string) {
	s.t.Helper()
	write(s.t, filepath.Join(s.dir, "version.py"), fmt.Sprintf("VERSION = %q\n", version))
}

// load starts clients that GET and POST; every answer is checked, and nothing is sent twice.
func (s *shop) load() *testkit.Load {
	s.t.Helper()
	s.loads++
	return testkit.StartLoadOn(s.t, s.Dialer(address), testkit.LoadOptions{
		Connections: connections, Fresh: 2, PostEvery: 3, Body: 2000, Once: true, Name: fmt.Sprintf("%d-", s.loads),
	})
}

// connections is how many clients a load has.
const connections = 6

// unharmed ends a load, of which no request may have failed or been executed twice.
func (s *shop) unharmed(l *testkit.Load) testkit.Report {
	s.t.Helper()
	r := l.Stop()
	r.NoFailures(s.t)
	r.AtMostOnce(s.t, s.trace.Executions("POST"))
	s.t.Logf("%d GET, %d POST, %d failed, %d reconnects, longest gap %v", r.Gets, r.Posts, len(r.Failures), r.Reconnects, r.LongestGap)
	return r
}

// get asks for a path and wants the status given.
func (s *shop) get(path string, status int) *testkit.Response {
	s.t.Helper()
	r := s.Conn(address).Get(path)
	if r.Status != status {
		s.t.Errorf("GET %s: status %d, %.200q; want %d", path, r.Status, r.Body, status)
	}
	return r
}

// find returns the entries of the journal whose message matches.
func (s *shop) find(q box.Query, pattern string) []box.Entry {
	s.t.Helper()
	return box.Find(s.Journal(q), box.Says(pattern))
}

// want compares properties of the service.
func (s *shop) want(properties map[string]string) {
	s.t.Helper()
	for name, want := range properties {
		if got := s.Property(service, name); got != want {
			s.t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// refused says whether nobody listens.
func (s *shop) refused() bool {
	c, err := s.Dial("tcp", address)
	if err != nil {
		return true
	}
	c.Close()
	return false
}

// processes are those of the service, by the control group.
func (s *shop) processes() []string {
	s.t.Helper()
	const procs = "system.slice/" + service + "/cgroup.procs"
	return strings.Fields(s.Output("sh", "-c", "cat /sys/fs/cgroup/systemd/"+procs+" /sys/fs/cgroup/"+procs+" 2>/dev/null || :"))
}
