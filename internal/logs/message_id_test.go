package logs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// TestCatalog holds the table of messages against the catalog: every id is explained, and nothing else is.
func TestCatalog(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(root, "packaging/systemd/kirin.catalog"))
	if err != nil {
		t.Fatal(err)
	}
	entries := regexp.MustCompile(`(?m)^-- ([0-9a-f]{32})\nSubject: (.+)\nDefined-By: kirin\nSupport: .+\n\n`).FindAllStringSubmatch(string(text), -1)
	if starts := strings.Count(string(text), "\n-- "); len(entries) != starts {
		t.Errorf("%d entries begin and %d have a whole head", starts, len(entries))
	}
	explained, subjects := map[string]bool{}, map[string]bool{}
	for _, e := range entries {
		if explained[e[1]] || subjects[e[2]] {
			t.Errorf("%s (%s) is there twice", e[1], e[2])
		}
		explained[e[1]], subjects[e[2]] = true, true
	}
	for name, id := range messages {
		if !explained[id] {
			t.Errorf("the catalog does not explain %s, %s", name, id)
		}
		delete(explained, id)
	}
	for id := range explained {
		t.Errorf("the catalog explains %s, which is no message of kirin's", id)
	}
	for line := range strings.Lines(string(text)) {
		if len(line) > 91 && !strings.HasPrefix(line, "#") {
			t.Errorf("too long for a terminal: %s", line)
		}
	}
}
