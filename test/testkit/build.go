package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

// builds makes each kind of binary once for a run of the tests, in a folder
// that Run removes.
type builds struct {
	mu  sync.Mutex // guards the fields below
	dir string
	err map[string]error
}

var built builds

// Run is what TestMain of a package of black-box tests does: it runs the tests
// and removes the binaries that they built. It returns the exit status.
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
	built.mu.Lock()
	built.dir = dir
	built.mu.Unlock()
	return m.Run()
}

// Scratch returns a folder that lasts as long as this run of the package's tests.
func Scratch(t testing.TB) string {
	t.Helper()
	built.mu.Lock()
	defer built.mu.Unlock()
	if built.dir == "" {
		t.Fatal("testkit: the package's TestMain does not call testkit.Run")
	}
	return built.dir
}

// Binary returns the path of the kirin command, built from this checkout at
// the first call: under the race detector when the tests are, unless plain is
// set, as tests that measure want it.
func Binary(t testing.TB, plain bool) string {
	t.Helper()
	if path := os.Getenv("KIRIN_TEST_BINARY"); path != "" {
		return path
	}
	name, args := "kirin", []string{"build"}
	if raced && !plain {
		name, args = "kirin-race", append(args, "-race")
	}
	if os.Getenv("KIRIN_TEST_COVERDIR") != "" {
		args = append(args, "-cover", "-coverpkg=./...")
	}
	path, err := built.build(name, args)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (b *builds) build(name string, args []string) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.dir == "" {
		return "", fmt.Errorf("testkit: the package's TestMain does not call testkit.Run")
	}
	path := filepath.Join(b.dir, name)
	if err, done := b.err[name]; done {
		return path, err
	}
	cmd := exec.Command("go", append(args, "-o", path, "./cmd/kirin")...)
	cmd.Dir = Root()
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("testkit: %v: %w\n%s", cmd, err, out)
	}
	if b.err == nil {
		b.err = make(map[string]error)
	}
	b.err[name] = err
	return path, err
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
