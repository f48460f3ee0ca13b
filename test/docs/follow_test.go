package docs

import (
	"archive/zip"
	"bytes"
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/box"
	"github.com/kirin-server/kirin/test/testkit"
)

// followed are the pages whose commands are run, with what their reader has done before.
var followed = map[string]string{
	"docs/quickstart.md":         "",
	"docs/ja/quickstart.md":      "",
	"docs/zh-Hant/quickstart.md": "",
	"docs/flask.md":              install,
	"docs/django.md":             install + postgres,
	"docs/fastapi.md":            install,
	"docs/containers.md":         postgres,
	"docs/tuning.md":             install,
	"docs/timeouts.md":           install,
	"docs/memory.md":             install,
	"docs/troubleshooting.md":    install,
	"docs/security.md":           install,
	"docs/units.md":              install,
	"docs/logs.md":               install,
}

// What a reader has done before.
const (
	install  = "dpkg --install /root/dist/kirin_*.deb\n"
	postgres = box.StartPostgreSQL
)

// elsewhere are the pages whose blocks are not followed here, and why.
var elsewhere = map[string]string{
	"README.md":           "test/readme_test.go and test/package/readme_test.go run its commands",
	"CONTRIBUTING.md":     "for those who have the source",
	"docs/asgi.md":        "the tests of the ASGI workers",
	"docs/benchmarks.md":  "made by scripts/bench",
	"docs/classes.md":     "the tests of the classes of workers",
	"docs/compression.md": "the tests of compressed responses",
	"docs/design.md":      "has no commands",
	"docs/dirty.md":       "the tests of dirty workers",
	"docs/gunicorn.md":    "the tests of the control socket",
	"docs/hooks.md":       "the tests of the hooks",
	"docs/http.md":        "has no commands",
	"docs/moving.md":      "the tests of kirin import",
	"docs/packages.md":    "test/package",
	"docs/preload.md":     "the tests of preload_app",
	"docs/protocol.md":    "for those who write a worker",
	"docs/proxies.md":     "the tests with nginx, HAProxy and Caddy",
	"docs/performance.md": "figures, no commands",
	"docs/reliability.md": "made by scripts/reliability",
	"docs/settings.md":    "made from the table in internal/config",
	"docs/signals.md":     "the tests of the signals",
	"docs/static.md":      "the tests of static files",
	"docs/tls.md":         "the tests of TLS",
}

// TestPagesAreKnown wants every page to be followed, or tested elsewhere.
func TestPagesAreKnown(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	for _, name := range pages(t) {
		there[name] = true
		_, follow := followed[name]
		if _, other := elsewhere[name]; !follow && !other && !strings.HasSuffix(name, "/README.md") {
			t.Errorf("%s: nobody runs its commands; add it to followed, or to elsewhere with the reason", name)
		}
	}
	for name := range followed {
		if !there[name] {
			t.Errorf("%s is not there", name)
		}
	}
}

// TestPages follows each page, as its reader would.
func TestPages(t *testing.T) {
	t.Parallel()
	for name, before := range followed {
		t.Run(strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(name, "docs/"), ".md"), "/", "-"), func(t *testing.T) {
			t.Parallel()
			blocks, err := page(read(t, name))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			r := newVisitor(t, name)
			if before != "" {
				r.Exec("sh", "-ec", before)
			}
			for _, b := range blocks {
				r.follow(b)
			}
			r.stopServer()
			if name == "docs/containers.md" {
				r.container()
			}
		})
	}
}

// visitor is somebody who follows a page, on a machine of their own, as root.
type visitor struct {
	*box.Box
	t      *testing.T
	name   string
	server string // the unit of the server that runs, if one does
	serial int
}

// environment is that of the visitor's shell. There is no network: apt finds installed what it is asked for, and pip finds wheels
// in a folder.
const environment = `export DEBIAN_FRONTEND=noninteractive SYSTEMD_PAGER=cat PAGER=cat PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
`

func newVisitor(t *testing.T, name string) *visitor {
	t.Helper()
	v := &visitor{t: t, name: name, Box: box.Up(t, box.Options{Bind: []string{dist(t) + ":/root/dist:ro"}})}
	// An index of all manual pages takes seconds, and so does what desktops hang into apt.
	v.Exec("rm", "-f", "/var/lib/man-db/auto-update", "/etc/apt/apt.conf.d/20packagekit")
	v.WriteFile("/etc/apt/apt.conf.d/99docs", "APT::Get::Assume-Yes \"true\";\nDir::State::Lists \"/var/lib/apt/none/\";\n")
	v.WriteFile("/root/.curlrc", "silent\nshow-error\n")
	for _, name := range []string{"flask", "django", "fastapi", "psycopg2_binary"} {
		v.wheel(name)
	}
	v.WriteFile("/root/.docs.env", environment)
	return v
}

// wheel makes a package for pip that has a line for Python's path: there Debian's package of the same thing is.
func (v *visitor) wheel(name string) {
	v.t.Helper()
	var buf bytes.Buffer
	z := zip.NewWriter(&buf)
	info := name + "-99.dist-info/"
	for _, f := range [][2]string{
		{name + ".pth", "/usr/lib/python3/dist-packages\n"},
		{info + "METADATA", "Metadata-Version: 2.1\nName: " + name + "\nVersion: 99\n"},
		{info + "WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"},
		{info + "RECORD", name + ".pth,,\n" + info + "METADATA,,\n" + info + "WHEEL,,\n" + info + "RECORD,,\n"},
	} {
		w, err := z.Create(f[0])
		if err == nil {
			_, err = w.Write([]byte(f[1]))
		}
		if err != nil {
			v.t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		v.t.Fatal(err)
	}
	v.WriteFile("/wheels/"+name+"-99-py3-none-any.whl", buf.String())
}

// shell is what surrounds a block: the folder and the exported variables are those that the block before has left.
const shell = `. /root/.docs.env; cd "$(cat /root/.docs.cwd 2>/dev/null || echo /root)"
trap 'pwd >/root/.docs.cwd; export -p >/root/.docs.env' EXIT
set -e -o pipefail
`

// follow does what a block says.
func (v *visitor) follow(b block) {
	v.t.Helper()
	switch b.kind {
	case file:
		v.WriteFile(v.absolute(b.path), b.text+"\n")
	case server:
		v.serve(b)
	case command:
		if b.soon {
			testkit.Eventually(v.t, fmt.Sprintf("%s:%d says %q", v.name, b.line, b.says), func() bool { return v.try(b) == "" })
		} else if wrong := v.try(b); wrong != "" {
			v.t.Error(wrong)
		}
	case shown:
	}
}

// try runs the commands of a block, and says what is wrong with how that went.
func (v *visitor) try(b block) string {
	v.t.Helper()
	r := v.Run(box.Command{Args: []string{"bash", "-c", shell + "{\n" + b.text + "\n} 2>&1"}})
	said := fmt.Sprintf("%s:%d:\n%s\nstatus %d\n%s", v.name, b.line, b.text, r.Status, r.Stdout)
	if b.fails != (r.Status != 0) && !b.either {
		return said
	}
	for _, want := range b.says {
		if !strings.Contains(r.Stdout, want) {
			return fmt.Sprintf("%s\nit does not say %q", said, want)
		}
	}
	return ""
}

func (v *visitor) absolute(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return strings.TrimSpace(v.Try("sh", "-c", "cat /root/.docs.cwd 2>/dev/null || echo /root").Stdout) + "/" + path
}

// serve starts the commands of a block, and waits until somebody listens where the marker says.
func (v *visitor) serve(b block) {
	v.t.Helper()
	v.stopServer()
	v.serial++
	v.server = fmt.Sprintf("visitor-%d.service", v.serial)
	v.Exec("systemd-run", "--quiet", "--unit", v.server, "--property=KillMode=mixed", "bash", "-c", shell+"trap - EXIT\n"+strings.Replace(b.text, "kirin run", "exec kirin run", 1))
	var c net.Conn
	testkit.Eventually(v.t, fmt.Sprintf("%s:%d: somebody listens at %s", v.name, b.line, b.at), func() (ok bool) {
		var err error
		if c, err = v.Dial("tcp", b.at); err == nil {
			c.Close()
		} else if state := v.Property(v.server, "ActiveState"); state != "active" {
			v.t.Fatalf("%s:%d:\n%s\nis %s", v.name, b.line, b.text, state)
		}
		return err == nil
	})
}

// stopServer ends the server by ^C, which must be no failure.
func (v *visitor) stopServer() {
	v.t.Helper()
	if v.server == "" {
		return
	}
	v.Systemctl("kill", "--kill-who=main", "--signal=INT", v.server)
	v.WaitState(v.server, "inactive")
	v.server = ""
}
