package python

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// The interpreters of the tests, both Debian's.
const (
	cpython = "/usr/bin/python3"
	pypy    = "/usr/bin/pypy3"
)

func prepared(t testing.TB, interpreter string) *Runtime {
	t.Helper()
	r, err := Prepare(context.Background(), interpreter)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r
}

// worker is the command of a worker that has the runtime at descriptor 4 and no socket at 3.
func worker(r *Runtime, args ...string) *exec.Cmd {
	cmd := exec.Command(r.Path, r.Args(4, args...)...)
	cmd.ExtraFiles = []*os.File{os.Stdin, r.File()}
	return cmd
}

// script makes an executable shell script that stands in for an interpreter.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "python")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestPrepare(t *testing.T) {
	for _, c := range []struct{ path, implementation string }{{cpython, "CPython"}, {pypy, "PyPy"}} {
		r := prepared(t, c.path)
		if r.Path != c.path || r.Implementation != c.implementation || !strings.HasPrefix(r.Version, "3.") {
			t.Errorf("Prepare(%s): %q %q %q", c.path, r.Path, r.Implementation, r.Version)
		}
		out, err := worker(r, "serve").CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || !bytes.Contains(out, []byte("MODULE:CALLABLE is missing")) {
			t.Errorf("%s: %v\n%s", c.path, err, out)
		}
	}
}

// The image is read at offset 0 whatever the shared position is, by any number of workers.
func TestImageIsShared(t *testing.T) {
	r := prepared(t, cpython)
	for range 3 {
		if out, _ := worker(r, "serve").CombinedOutput(); !bytes.Contains(out, []byte("MODULE:CALLABLE is missing")) {
			t.Errorf("%s", out)
		}
	}
	if _, err := r.File().WriteAt([]byte("x"), 0); !errors.Is(err, unix.EPERM) {
		t.Errorf("the image can be changed: %v", err)
	}
	if err := r.File().Truncate(1); !errors.Is(err, unix.EPERM) {
		t.Errorf("the image can be cut: %v", err)
	}
}

// A worker that runs as another user than the one that made the image reads it all the same.
func TestAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("run this test as root: it starts a process of another user's")
	}
	for _, path := range []string{cpython, pypy} {
		cmd := worker(prepared(t, path), "serve")
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
		if out, _ := cmd.CombinedOutput(); !bytes.Contains(out, []byte("MODULE:CALLABLE is missing")) {
			t.Errorf("%s: %s", path, out)
		}
	}
}

// look is run as a configuration file, to see what the runtime has left behind.
const look = `
import os, sys
path = [p for p in sys.path if "/fd/" in p or not p]
image = [fd for fd in os.listdir("/proc/self/fd") if "kirin-runtime" in os.path.realpath("/proc/self/fd/" + fd)]
main = sorted(name for name in vars(sys.modules["__main__"]) if not name.startswith("__"))
import traceback, kirin_worker.trace
file = kirin_worker.trace.last_line.__code__.co_filename
`

func TestWhatIsLeftBehind(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "look.py"), []byte(look), 0o644); err != nil {
		t.Fatal(err)
	}
	// Modules in the working directory are the application's, and no part of the runtime.
	for _, name := range []string{"_socket.py", "select.py", "kirin_worker.py", "struct.py"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("raise SystemExit('taken from the directory')"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{cpython, pypy} {
		cmd := worker(prepared(t, path), "conf", "look.py")
		cmd.Dir = dir
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		for _, want := range []string{`"path": []`, `"main": []`, `"image": []`, `"file": "<kirin_worker>/trace.py"`} {
			if !bytes.Contains(out, []byte(want)) {
				t.Errorf("%s: %s is not in %s", path, want, out)
			}
		}
	}
}

// Code of another interpreter's is not run: after an upgrade under a running front the sources are compiled anew.
func TestImageOfAnotherVersion(t *testing.T) {
	r := prepared(t, pypy)
	r.Path = cpython
	if out, _ := worker(r, "serve").CombinedOutput(); !bytes.Contains(out, []byte("MODULE:CALLABLE is missing")) {
		t.Errorf("%s", out)
	}
}

// The user's environment and working directory have no part in the preparation.
func TestPrepareIsOnItsOwn(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"marshal.py", "site.py", "sitecustomize.py", "usercustomize.py", "encodings.py"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("raise SystemExit('imported')"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	t.Chdir(dir)
	t.Setenv("PYTHONPATH", dir)
	t.Setenv("PYTHONHOME", dir)
	prepared(t, cpython)
}

func TestPrepareErrors(t *testing.T) {
	for _, c := range []struct{ name, path, want string }{
		{"Python 2", script(t, "cat >/dev/null; echo kirin CPython 2.7.18"), "is version 2.7.18; kirin needs 3.8 or later (choose another with --python)"},
		{"3.7", script(t, "cat >/dev/null; echo kirin CPython 3.7.16"), "is version 3.7.16; kirin needs 3.8 or later (choose another with --python)"},
		{"no image", script(t, "cat >/dev/null; echo kirin CPython 3.9.2"), "cannot compile the worker runtime"},
		{"another program", script(t, "echo hello world"), "is not a Python interpreter"},
		{"silent", script(t, "cat >/dev/null"), "is not a Python interpreter"},
		{"reads nothing", "/bin/true", "is not a Python interpreter"},
		{"fails", script(t, "echo first >&2; echo no such library >&2; exit 127"), "does not work: no such library"},
		{"fails silently", script(t, "exit 3"), "does not work: exit status 3"},
		{"missing", "/nonexistent/python", "does not work: fork/exec /nonexistent/python: no such file or directory"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r, err := Prepare(context.Background(), c.path)
			if err == nil {
				t.Fatalf("Prepare: %+v", r)
			}
			if text := err.Error(); !strings.Contains(text, c.path) || !strings.HasSuffix(text, c.want) || strings.Contains(text, "\n") {
				t.Errorf("Prepare: %s; want ... %s", text, c.want)
			}
		})
	}
}

func TestPrepareEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
	defer cancel()
	_, err := Prepare(ctx, script(t, "exec sleep 60"))
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Prepare: %v", err)
	}
}

// An old Python must be able to read prepare.py at least. What is looked for are the habits of newer ones.
func TestPrepareScriptIsOldFashioned(t *testing.T) {
	code := "import ast, sys; ast.parse(sys.stdin.read(), feature_version=(3, 4))"
	cmd := exec.Command(cpython, "-c", code)
	cmd.Stdin = strings.NewReader(prepareScript)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	for _, newer := range []string{"f\"", "f'", "print(", "nonlocal", ":=", "->", "yield from", "raise SystemExit from"} {
		if strings.Contains(prepareScript, newer) {
			t.Errorf("prepare.py has %q", newer)
		}
	}
}

func TestModuleName(t *testing.T) {
	for name, want := range map[string]string{"kirin_worker/wire.py": "kirin_worker.wire", "kirin_worker/__init__.py": "kirin_worker"} {
		if got, pkg := moduleName(name); got != want || pkg != strings.Contains(name, "__init__") {
			t.Errorf("moduleName(%q): %q, %v", name, got, pkg)
		}
	}
}

// BenchmarkStart is a worker's way to its first line of work, with the code compiled beforehand and without.
func BenchmarkStart(b *testing.B) {
	for _, c := range []struct{ name, image, path string }{
		{"compiled", cpython, cpython},
		{"sources", pypy, cpython},
		{"pypy", pypy, pypy},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := prepared(b, c.image)
			r.Path = c.path
			for b.Loop() {
				if out, _ := worker(r, "serve").CombinedOutput(); !bytes.Contains(out, []byte("MODULE:CALLABLE is missing")) {
					b.Fatalf("%s", out)
				}
			}
		})
	}
	b.Run("interpreter alone", func(b *testing.B) {
		for b.Loop() {
			if err := exec.Command(cpython, "-c", "pass").Run(); err != nil {
				b.Fatal(err)
			}
		}
	})
}
