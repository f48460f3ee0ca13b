package test

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// process is what test/apps/environ.py says of its own process.
type process struct {
	UID            int               `json:"uid"`
	GID            int               `json:"gid"`
	Groups         []string          `json:"groups"`
	Umask          string            `json:"umask"`
	Cwd            string            `json:"cwd"`
	Env            map[string]string `json:"env"`
	Path           []string          `json:"path"`
	Executable     string            `json:"executable"`
	Cmdline        string            `json:"cmdline"`
	Argv           []string          `json:"argv"`
	Implementation string            `json:"implementation"`
	PID            int               `json:"pid"`
	Capabilities   string            `json:"capabilities"`
}

func about(t *testing.T, s *testkit.Server) process {
	t.Helper()
	return decode[process](t, s.Get("/process"))
}

// environApp returns a folder with the application environ.py alone.
func environApp(t *testing.T) string {
	return folder(t, map[string]string{"environ.py": appFile(t, "environ.py")})
}

// TestPidfile wants the front's pid in the file while it runs, and no file after.
func TestPidfile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(folder(t, nil), "pid")
	s := testkit.Start(t, options{App: "hello:app", Args: []string{"--pid", path}})
	s.Get("/")
	if pid := pidIn(t, path); pid != s.PID() {
		t.Errorf("pid file has %d, the front is %d", pid, s.PID())
	}
	second := testkit.Launch(t, options{App: "hello:app", Args: []string{"--pid", path}})
	if code := second.ExitCode(); code != 1 {
		t.Errorf("a second server with the pid file: status %d", code)
	}
	second.Err.Wait(t, fmt.Sprint(s.PID()))
	second.Err.Wait(t, path)
	s.Stop()
	if _, err := os.Stat(path); err == nil {
		t.Error("the pid file is still there")
	}
	// One that a dead process left is no hindrance.
	write(t, path, "999999999\n")
	third := testkit.Start(t, options{App: "hello:app", Args: []string{"--pid", path}})
	third.Get("/")
	if pid := pidIn(t, path); pid != third.PID() {
		t.Errorf("pid file has %d", pid)
	}
}

// TestName wants the name in the titles of the processes.
func TestName(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "hello:app", Args: args("--name shop-server --workers 2")})
	s.Get("/")
	for _, p := range s.WaitWorkers(2) {
		if !strings.Contains(p.String(), "shop-server") {
			t.Errorf("worker %v", p)
		}
	}
}

// TestEnvironment wants --env, --chdir, --umask and --pythonpath to reach the application.
func TestEnvironment(t *testing.T) {
	t.Parallel()
	dir := environApp(t)
	lib := folder(t, nil)
	s := testkit.Start(t, options{
		App: "environ:app", Dir: "/", Env: []string{"INHERITED=yes", "REPLACED=old"},
		Args: []string{
			"--chdir", dir, "--env", "ADDED=a=b", "--env", "REPLACED=new", "--umask", "027", "--pythonpath", lib + ",/nowhere",
		},
	})
	p := about(t, s)
	if p.Cwd != dir || p.Umask != "0027" {
		t.Errorf("directory %s, umask %s", p.Cwd, p.Umask)
	}
	for name, want := range map[string]string{"INHERITED": "yes", "ADDED": "a=b", "REPLACED": "new"} {
		if p.Env[name] != want {
			t.Errorf("%s is %q", name, p.Env[name])
		}
	}
	for _, want := range []string{dir, lib} {
		if !slices.Contains(p.Path, want) {
			t.Errorf("%s is not in sys.path: %q", want, p.Path)
		}
	}
	if slices.Index(p.Path, lib) > slices.IndexFunc(p.Path, func(s string) bool { return strings.HasSuffix(s, ".zip") }) {
		t.Errorf("--pythonpath comes after the standard library: %q", p.Path)
	}
}

// TestCleanEnvironment wants what is between front and worker kept from the
// application and from what it starts.
func TestCleanEnvironment(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "environ:app"})
	p := about(t, s)
	for _, name := range args("LISTEN_FDS LISTEN_PID LISTEN_FDNAMES NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID") {
		if v, there := p.Env[name]; there {
			t.Errorf("the application sees %s=%s", name, v)
		}
	}
	for name := range p.Env {
		if strings.HasPrefix(name, "KIRIN_") && name != "KIRIN_TEST_SERVER" {
			t.Errorf("the application sees %s", name)
		}
	}
}

// TestInheritedDescriptors wants nothing of the front's and of other workers' open in what an application starts.
func TestInheritedDescriptors(t *testing.T) {
	t.Parallel()
	dir := folder(t, map[string]string{"child.py": `
import subprocess
def app(environ, start_response):
    out = subprocess.check_output(["ls", "-l", "/proc/self/fd"], close_fds=False)
    start_response("200 OK", [])
    return [out]
`})
	s := testkit.Start(t, options{App: "child:app", Dir: dir, Args: args("--workers 2")})
	r := s.Get("/")
	if n := strings.Count(string(r.Body), "socket:"); n != 0 || r.Status != 200 {
		t.Errorf("%d sockets in a child of the application:\n%s", n, r.Body)
	}
}

// TestUser wants workers without root's rights; and a plain reason where there are none to give up.
func TestUser(t *testing.T) {
	t.Parallel()
	dir := environApp(t)
	o := options{App: "environ:app", Dir: dir, Args: args("--user nobody --group nogroup --workers 2")}
	if os.Getuid() != 0 {
		s := testkit.Launch(t, o)
		if code := s.ExitCode(); code == 0 {
			t.Error("--user is ignored")
		}
		s.Err.Wait(t, "(?i)root|permi|privilege")
		return
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	s := testkit.Start(t, o)
	p := about(t, s)
	if fmt.Sprint(p.UID) != nobody.Uid || fmt.Sprint(p.GID) != nobody.Gid || strings.Trim(p.Capabilities, "0") != "" {
		t.Errorf("uid %d, gid %d, capabilities %s", p.UID, p.GID, p.Capabilities)
	}
	if slices.Contains(p.Groups, "0") {
		t.Errorf("still in the groups %v", p.Groups)
	}
	l := testkit.StartLoad(t, s, testkit.LoadOptions{ReadOnly: true})
	l.Wait(50)
	killWorkers(t, s, l, 1)
	l.Stop().NoFailures(t)
}

// TestUserByNumber wants numbers as good as names.
func TestUserByNumber(t *testing.T) {
	t.Parallel()
	uid, gid := "65534", "65534"
	if os.Getuid() != 0 { // one's own numbers need no rights
		uid, gid = fmt.Sprint(os.Getuid()), fmt.Sprint(os.Getgid())
	}
	s := testkit.Start(t, options{App: "environ:app", Dir: environApp(t), Args: []string{"--user", uid, "--group", gid}})
	if p := about(t, s); fmt.Sprint(p.UID) != uid || fmt.Sprint(p.GID) != gid {
		t.Errorf("uid %d, gid %d", p.UID, p.GID)
	}
}

// TestVirtualenv wants the interpreter found where people expect it.
func TestVirtualenv(t *testing.T) {
	t.Parallel()
	dir := environApp(t)
	for _, name := range []string{"venv", ".venv", "other"} {
		makeVenv(t, filepath.Join(dir, name))
	}
	in := func(name string) string { return filepath.Join(dir, name, "bin") }
	check := func(name, want string, o options) {
		t.Run(name, func(t *testing.T) {
			o.App, o.Dir, o.Python = "environ:app", dir, testkit.NoPython
			p := about(t, testkit.Start(t, o))
			if filepath.Dir(p.Executable) != want {
				t.Errorf("runs under %s, want one in %s", p.Executable, want)
			}
		})
	}
	check("VIRTUAL_ENV", in("other"), options{Env: []string{"VIRTUAL_ENV=" + filepath.Join(dir, "other")}})
	check("--python", in("other"), options{Args: []string{"--python", filepath.Join(dir, "other/bin/python")}, Env: []string{"VIRTUAL_ENV=" + filepath.Join(dir, "venv")}})
	check("--python with a folder", in("other"), options{Args: []string{"--python", filepath.Join(dir, "other")}})
	check(".venv", in(".venv"), options{})
	if err := os.RemoveAll(filepath.Join(dir, ".venv")); err != nil {
		t.Fatal(err)
	}
	check("venv", in("venv"), options{})
	if err := os.RemoveAll(filepath.Join(dir, "venv")); err != nil {
		t.Fatal(err)
	}
	check("python3 on PATH", "/usr/bin", options{Env: []string{"PATH=/usr/bin:/bin"}})
}

// makeVenv makes a virtual environment without pip: a configuration and a link.
func makeVenv(t *testing.T, dir string) {
	t.Helper()
	write(t, filepath.Join(dir, "pyvenv.cfg"), "home = "+filepath.Dir(testkit.Python())+"\ninclude-system-site-packages = false\n")
	if err := os.MkdirAll(filepath.Join(dir, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"python", "python3"} {
		if err := os.Symlink(testkit.Python(), filepath.Join(dir, "bin", name)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestPyPy wants PyPy as good an interpreter as CPython.
func TestPyPy(t *testing.T) {
	t.Parallel()
	eachClass(t, func(t *testing.T, flags string) {
		s := testkit.Start(t, options{App: "environ:app", Python: testkit.PyPy(), Args: args(flags)})
		if p := about(t, s); p.Implementation != "pypy" {
			t.Errorf("runs under %s", p.Implementation)
		}
		echo := testkit.Start(t, options{App: "echo:app", Python: testkit.PyPy(), Args: args(flags)})
		for _, n := range sizes {
			d := decode[digest](t, echo.Do("POST", "/digest/pieces", nil, unsized{testkit.Pattern(n)}))
			if d.Length != n || d.SHA256 != testkit.PatternDigest(n) {
				t.Errorf("%d bytes: %+v", n, d)
			}
		}
		big := testkit.Start(t, options{App: "big:app", Python: testkit.PyPy(), Args: args(flags)})
		for _, way := range args("list generator file write file-no-descriptor iterable") {
			for _, n := range []int{0, 65537, 1 << 20} {
				if r := big.Get(fmt.Sprintf("/%s/%d", way, n)); len(r.Body) != n || r.BodyErr != nil {
					t.Errorf("%s: %d bytes of %d, %v", way, len(r.Body), n, r.BodyErr)
				}
			}
		}
		hang := testkit.Start(t, options{App: "hang:app", Python: testkit.PyPy(), Args: args(flags + " --timeout 2 --graceful-timeout 1")})
		hang.Get("/")
		wantStatus(t, hang.Post("/sleep", nil), 504)
		hang.Err.Wait(t, `hang\.py", line \d+,? in sleep_for_ever`)
		wantBody(t, hang.Get("/"), 200, "fine\n")
	})
}
