// Package packaging holds the tests of the .deb and the .rpm: scripts/package builds them, as for a release, and they are
// installed, upgraded and removed on machines of their own (test/box), with dpkg, apt, rpm and dnf.
package packaging

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Run(m)) }

// The versions that the tests install, in the order in which package managers have them too.
const (
	older = "0.8.0~rc1"
	newer = "0.8.0"
)

// mustBuild runs scripts/package of a checkout.
func mustBuild(t *testing.T, root string, args ...string) {
	t.Helper()
	if err := testkit.Package(root, args...); err != nil {
		t.Fatal(err)
	}
}

// deb returns the path of a version's .deb.
func deb(t *testing.T, version string) string {
	t.Helper()
	return filepath.Join(testkit.Packages(t, version), fmt.Sprintf("kirin_%s-1_%s.deb", version, testkit.Architecture(t)))
}

// rpmOf returns the path of a version's .rpm.
func rpmOf(t *testing.T, version string) string {
	t.Helper()
	machine := map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[testkit.Architecture(t)]
	return filepath.Join(testkit.Packages(t, version), fmt.Sprintf("kirin-%s-1.%s.rpm", version, machine))
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
