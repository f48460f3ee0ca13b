package test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// rightsConf notes as whom each hook of the server, and the file itself, runs: the user, and whether there is a way to more rights.
const rightsConf = `
import os

def note(what):
    told = [line.split()[1] for line in open("/proc/self/status") if line.startswith("NoNewPrivs")]
    with open(os.environ["HOOKS"], "a") as f:
        f.write("%s %d %s\n" % (what, os.getuid(), told[0]))

note("file")
def on_starting(server): note("on_starting")
def when_ready(server): note("when_ready")
def on_reload(server): note("on_reload")
def on_exit(server): note("on_exit")
`

// TestHooksOfAnother has a configuration file that is root's, and one that is another user's, under kirin run --user as root: the first runs as root,
// as in Gunicorn, and the second never, nor what becomes another's while the server runs.
func TestHooksOfAnother(t *testing.T) {
	t.Parallel()
	if os.Getuid() != 0 {
		t.Fatal("this test has to be root, to be somebody else")
	}
	start := func(t *testing.T, owner int) (string, *testkit.Server, *testkit.Log) {
		dir := folder(t, map[string]string{
			"gunicorn.conf.py": rightsConf,
			"app.py":           "def app(environ, start_response):\n    start_response('200 OK', [])\n    return [b'ok']\n",
		})
		l := &testkit.Log{Path: filepath.Join(folder(t, nil), "hooks")}
		write(t, l.Path, "")
		for _, path := range []string{dir, dir + "/gunicorn.conf.py"} {
			if err := os.Chown(path, owner, owner); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(l.Path, 0o666); err != nil {
			t.Fatal(err)
		}
		s := testkit.Start(t, options{App: "app:app", Dir: dir, Args: []string{"--user", "12346", "--group", "12346"}, Env: []string{"HOOKS=" + l.Path}})
		l.Wait(t, "^when_ready")
		return dir, s, l
	}
	for name, c := range map[string]struct {
		owner int
		want  string
	}{"root's": {0, "0 0"}, "another's": {12345, "12346 1"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, s, l := start(t, c.owner)
			s.Signal(syscall.SIGHUP)
			l.Wait(t, "^on_reload")
			s.Err.Wait(t, "reloaded")
			if c.owner == 0 {
				before := len(l.Lines("^file"))
				if err := os.Chown(dir+"/gunicorn.conf.py", 12345, 12345); err != nil {
					t.Fatal(err)
				}
				s.Signal(syscall.SIGHUP)
				s.Err.Wait(t, "gunicorn.conf.py is to be run as .* by now, and the server hooks run as ourselves")
				for _, line := range l.Lines("^file")[before:] {
					if line != "file 12346 1" {
						t.Errorf("got %q of the file of another user", line)
					}
				}
			}
			s.Stop()
			for _, hook := range []string{"on_starting", "when_ready", "on_reload", "on_exit"} {
				if got, want := l.Lines("^"+hook), fmt.Sprintf("%s %s", hook, c.want); len(got) != 1 || got[0] != want {
					t.Errorf("got %q, want %q", got, want)
				}
			}
			if c.owner != 0 && strings.Contains(l.String(), " 0 0\n") {
				t.Errorf("root ran it:\n%s", l.String())
			}
		})
	}
}
