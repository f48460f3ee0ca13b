// Package docs holds the tests of the documentation: the pages for people are followed, each on a machine of its own
// (test/box) with the package installed, command by command; their links lead somewhere; the settings that they name are there.
package docs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Run(m)) }

// version is that of the package which the pages' readers install.
const version = "0.8.0"

// dist returns the folder of the packages for this machine, as test/package has them. KIRIN_TEST_DIST names one that is there.
func dist(t *testing.T) string {
	t.Helper()
	if dir := os.Getenv("KIRIN_TEST_DIST"); dir != "" {
		return dir
	}
	return testkit.Packages(t, version)
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
