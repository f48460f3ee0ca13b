// Package test holds the black-box tests: they start the built binary with the
// applications under test/apps and look at it from outside, as a user does.
// One theme a file.
package test

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Run(m)) }

type options = testkit.Options

// args splits a command line at its spaces.
func args(line string) []string { return strings.Fields(line) }

// wantBody fails the test unless an answer has the status and the body given.
func wantBody(t *testing.T, r *testkit.Response, status int, body string) {
	t.Helper()
	if r.Status != status || string(r.Body) != body || r.BodyErr != nil {
		t.Errorf("status %d, body %.300q, %v; want %d, %.300q", r.Status, r.Body, r.BodyErr, status, body)
	}
}

// wantStatus fails the test unless an answer has the status given.
func wantStatus(t *testing.T, r *testkit.Response, status int) {
	t.Helper()
	if r.Status != status {
		t.Errorf("status %d, body %.300q; want %d", r.Status, r.Body, status)
	}
}

// decode reads the JSON of an answer.
func decode[T any](t *testing.T, r *testkit.Response) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(r.Body, &v); err != nil || r.Status != http.StatusOK {
		t.Fatalf("status %d, body %.300q: %v", r.Status, r.Body, err)
	}
	return v
}

// folder returns a new folder with files, by name; other users may read it.
// Its path is short, for Unix sockets.
func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "ktd")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	return dir
}

// write replaces a file, as editors and deployments do: a new file is renamed
// over the old one.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path+".new", []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	if strings.HasSuffix(path, "conf.py") { // which root does not run where anybody can put modules beside it
		if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
}

// appFile returns the text of a test application, for tests that change it.
func appFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(testkit.Apps(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// gate returns a path that an application waits for (load.py's ?gate=PATH, hang.py's /until?PATH), and a function that makes it be there.
func gate(t *testing.T) (path string, open func()) {
	t.Helper()
	path = filepath.Join(folder(t, nil), "gate")
	return path, func() { write(t, path, "") }
}

// fifo returns the path of a new named pipe, for gated.py.
func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(folder(t, nil), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// loadApp returns a folder with test/apps/load.py that says it is the version given.
func loadApp(t *testing.T, version string) string {
	return folder(t, map[string]string{
		"load.py": appFile(t, "load.py"), "sidelog.py": appFile(t, "sidelog.py"), "version.py": versionFile(version),
	})
}

func versionFile(version string) string { return "VERSION = \"" + version + "\"\n" }

// pids returns the process ids, as the application's X-Worker has them.
func pids(ps []testkit.Process) map[int]bool {
	out := make(map[int]bool)
	for _, p := range ps {
		out[p.PID] = true
	}
	return out
}

func matches(pattern, text string) bool { return regexp.MustCompile(pattern).MatchString(text) }
