package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
)

// own is the folder of this process's tests, which Run makes and removes.
var own struct {
	mu  sync.Mutex // guards the field below
	dir string
}

// Run is what TestMain of a package of black-box tests does: it runs the tests
// and removes what they built. It returns the exit status.
func Run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "kirin-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, "testkit:", err)
		return 1
	}
	defer os.RemoveAll(dir)
	// Tests that run as another user execute the binary too.
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec
		fmt.Fprintln(os.Stderr, "testkit:", err)
		return 1
	}
	own.mu.Lock()
	own.dir = dir
	own.mu.Unlock()
	return m.Run()
}

// Scratch returns a folder that lasts as long as this run of the package's tests.
func Scratch(t testing.TB) string {
	t.Helper()
	own.mu.Lock()
	defer own.mu.Unlock()
	if own.dir == "" {
		t.Fatal("testkit: the package's TestMain does not call testkit.Run")
	}
	return own.dir
}

// Shared returns the path of something that is made once for a run of the
// tests, those of all packages under KIRIN_TEST_BUILDS, or of this package
// alone. Each name is made by one test, while the others wait; make is given
// the path, which is renamed when it succeeds. Where it has failed, every
// test that wants it does.
func Shared(t testing.TB, name string, make func(path string) error) string {
	t.Helper()
	path := filepath.Join(envOr("KIRIN_TEST_BUILDS", Scratch(t)), name)
	lock, err := os.Create(path + ".lock")
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	if why, err := os.ReadFile(path + ".failed"); err == nil {
		t.Fatalf("testkit: %s: %s", name, why)
	}
	if _, err := os.Stat(path); err == nil {
		return path
	}
	if err := make(path + ".new"); err != nil {
		_ = os.WriteFile(path+".failed", []byte(err.Error()), 0o644)
		t.Fatalf("testkit: %s: %v", name, err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
	return path
}

// Binary returns the path of the kirin command, built from this checkout at
// the first call: under the race detector when the tests are or
// KIRIN_TEST_RACE is set, unless plain is, as tests that measure want it.
func Binary(t testing.TB, plain bool) string {
	t.Helper()
	if path := os.Getenv("KIRIN_TEST_BINARY"); path != "" {
		return path
	}
	name, args, env := "kirin", []string{"build"}, append(os.Environ(), "CGO_ENABLED=0")
	if (raced || os.Getenv("KIRIN_TEST_RACE") != "") && !plain {
		name, args, env = "kirin-race", append(args, "-race"), append(os.Environ(), "CGO_ENABLED=1")
	}
	if os.Getenv("KIRIN_TEST_COVERDIR") != "" {
		args = append(args, "-cover", "-coverpkg=./...")
	}
	return Shared(t, name, func(path string) error {
		cmd := exec.Command("go", append(args, "-o", path, "./cmd/kirin")...)
		cmd.Dir, cmd.Env = Root(), env
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w\n%s", cmd, err, out)
		}
		return nil
	})
}

// Root returns the top folder of the checkout: the nearest one above the
// working directory that holds go.mod.
func Root() string {
	dir, err := os.Getwd()
	for err == nil {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			break
		}
		dir = filepath.Dir(dir)
	}
	panic("testkit: no go.mod above the working directory")
}

// Apps returns the folder of the test applications.
func Apps() string { return filepath.Join(Root(), "test", "apps") }

// Python returns the CPython that the tests use; Debian's, whichever python3
// comes first in PATH.
func Python() string { return envOr("KIRIN_TEST_PYTHON", "/usr/bin/python3") }

// PyPy returns the PyPy that the tests use.
func PyPy() string { return envOr("KIRIN_TEST_PYPY", "/usr/bin/pypy3") }

func envOr(name, value string) string {
	if v := os.Getenv(name); v != "" {
		return v
	}
	return value
}
