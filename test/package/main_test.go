// Package packaging holds the tests of the .deb and the .rpm: scripts/package builds them, as for a release, and they are
// installed, upgraded and removed on machines of their own (test/box), with dpkg, apt, rpm and dnf.
package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Run(m)) }

// The versions that the tests install, in the order in which package managers have them too.
const (
	older = "0.8.0~rc1"
	newer = "0.8.0"
)

// stamp is the time of what the tests build.
const stamp = "1700000000"

// built are the packages, made once for a run of the tests.
type built struct {
	mu  sync.Mutex // guards the fields below
	dir map[string]string
}

var packages = built{dir: map[string]string{}}

// of returns the folder of one version's packages for this machine's architecture.
func (b *built) of(t *testing.T, version string) string {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if dir, ok := b.dir[version]; ok {
		return dir
	}
	dir := filepath.Join(testkit.Scratch(t), "packages-"+version)
	build(t, testkit.Root(), "--version", version, "--out", dir, arch(t))
	b.dir[version] = dir
	return dir
}

// build runs scripts/package of a checkout.
func build(t *testing.T, root string, args ...string) {
	t.Helper()
	cmd := exec.Command(filepath.Join(root, "scripts", "package"), args...)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH="+stamp)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd, err, out)
	}
}

// arch is this machine's architecture, in Debian's words.
func arch(t *testing.T) string {
	t.Helper()
	return output(t, "dpkg", "--print-architecture")
}

// deb returns the path of a version's .deb.
func deb(t *testing.T, version string) string {
	t.Helper()
	return filepath.Join(packages.of(t, version), fmt.Sprintf("kirin_%s-1_%s.deb", version, arch(t)))
}

// rpmOf returns the path of a version's .rpm.
func rpmOf(t *testing.T, version string) string {
	t.Helper()
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch(t)]
	return filepath.Join(packages.of(t, version), fmt.Sprintf("kirin-%s-1.%s.rpm", version, machine))
}

// output runs a command that must succeed and returns what it prints, without the last newline.
func output(t *testing.T, args ...string) string {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s%s", cmd, err, out, &stderr)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// write makes a file in a folder of the test's own and returns its path.
func write(t *testing.T, path, text string, mode os.FileMode) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}
