// Package docs holds the tests of the documentation: the pages for people are followed, each on a machine of its own
// (test/box) with the package installed, command by command; their links lead somewhere; the settings that they name are there.
package docs

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Run(m)) }

// version is that of the package which the pages' readers install.
const version = "0.8.0"

// built is the folder of the package, made once for a run of the tests.
type built struct {
	once sync.Once
	dir  string
	err  error
}

var packages built

// dist returns the folder that scripts/package has filled with the .deb for this machine. KIRIN_TEST_DIST names one that is there.
func dist(t *testing.T) string {
	t.Helper()
	packages.once.Do(func() {
		if packages.dir = os.Getenv("KIRIN_TEST_DIST"); packages.dir != "" {
			return
		}
		packages.dir = filepath.Join(testkit.Scratch(t), "dist")
		arch, err := exec.Command("dpkg", "--print-architecture").Output()
		if err == nil {
			cmd := exec.Command("scripts/package", "--version", version, "--out", packages.dir, "deb", string(arch[:len(arch)-1]))
			cmd.Dir = testkit.Root()
			cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
			var out []byte
			if out, err = cmd.CombinedOutput(); err != nil {
				err = fmt.Errorf("%w\n%s", err, out)
			}
		}
		packages.err = err
	})
	if packages.err != nil {
		t.Fatalf("the package: %v", packages.err)
	}
	return packages.dir
}

// pages are the paths of all pages, from the checkout's top folder on.
func pages(t *testing.T) []string {
	t.Helper()
	out := []string{"README.md", "CONTRIBUTING.md"}
	for _, pattern := range []string{"docs/*.md", "docs/*/*.md"} {
		paths, err := filepath.Glob(filepath.Join(testkit.Root(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			name, err := filepath.Rel(testkit.Root(), path)
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, name)
		}
	}
	return out
}

// read returns the text of a page.
func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(testkit.Root(), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
