package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/test/testkit"
)

// TestThreats wants every line of the threat model to name tests that there are.
func TestThreats(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(testkit.Root(), "docs/security.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, model, found := strings.Cut(string(page), "\n## The threat model\n")
	model, _, ended := strings.Cut(model, "\n## ")
	if !found || !ended {
		t.Fatal("docs/security.md has no threat model")
	}
	there := testNames(t)
	name := regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9]+)`")
	lines := 0
	for line := range strings.Lines(model) {
		if !strings.HasPrefix(line, "- ") {
			continue
		}
		lines++
		names := name.FindAllStringSubmatch(line, -1)
		if len(names) == 0 {
			t.Errorf("names no test: %s", line)
		}
		for _, n := range names {
			if !there[n[1]] {
				t.Errorf("there is no %s: %s", n[1], line)
			}
		}
	}
	if lines < 10 {
		t.Errorf("only %d lines", lines)
	}
}

// testNames are the tests and fuzz targets of all packages.
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	names := map[string]bool{}
	err := filepath.WalkDir(testkit.Root(), func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, m := range declared.FindAllSubmatch(text, -1) {
			names[string(m[1])] = true
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}
