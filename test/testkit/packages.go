package testkit

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// Architecture is this machine's, in Debian's words.
func Architecture(t testing.TB) string {
	t.Helper()
	out, err := exec.Command("dpkg", "--print-architecture").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(out))
}

// Packages returns the folder of one version's .deb and .rpm for this
// machine's architecture, which scripts/package makes at the first call.
func Packages(t testing.TB, version string) string {
	t.Helper()
	arch := Architecture(t)
	return Shared(t, "packages-"+version, func(path string) error {
		return Package(Root(), "--version", version, "--out", path, arch)
	})
}

// Package runs scripts/package of a checkout.
func Package(root string, args ...string) error {
	cmd := exec.Command(filepath.Join(root, "scripts", "package"), args...)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%v: %w\n%s", cmd, err, out)
	}
	return nil
}
