package config

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/settings.md anew")

const settingsPage = "../../docs/settings.md"

func TestSettingsPageIsFresh(t *testing.T) {
	if *update {
		if err := os.WriteFile(settingsPage, []byte(Markdown()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(settingsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != Markdown() {
		t.Error("docs/settings.md is not what the table says; write it anew: go test ./internal/config -update")
	}
}

func TestMarkdown(t *testing.T) {
	page := Markdown()
	for _, s := range Settings() {
		if n := strings.Count(page, "\n| `"+s.Name+"` |"); n != 1 {
			t.Errorf("the page has %d rows for %s", n, s.Name)
		}
	}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "|") && strings.Count(strings.ReplaceAll(line, `\|`, ""), "|") != 7 {
			t.Errorf("a row that has not six cells: %s", line)
		}
	}
}
