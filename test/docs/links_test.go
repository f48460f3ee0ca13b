package docs

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/kirin-server/kirin/test/testkit"
)

var (
	link    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	heading = regexp.MustCompile(`^#{1,6} +(.*?) *#*$`)
	hidden  = regexp.MustCompile(`(?s)<!--.*?-->`)
)

// prose is a page's text without what stands in the typewriter's face and in comments.
func prose(text string) string {
	var out []string
	fenced := false
	for line := range strings.Lines(hidden.ReplaceAllString(text, "")) {
		if strings.HasPrefix(line, "```") {
			fenced = !fenced
			continue
		}
		if !fenced && !strings.HasPrefix(line, "    ") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

// anchors are the names that a page's headings have on the web, as GitHub makes them.
func anchors(text string) map[string]bool {
	out := map[string]bool{}
	for line := range strings.Lines(prose(text)) {
		if m := heading.FindStringSubmatch(strings.TrimSuffix(line, "\n")); m != nil {
			out[anchor(link.ReplaceAllString(m[1], "]"))] = true
		}
	}
	return out
}

func anchor(title string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r):
			return unicode.ToLower(r)
		}
		return -1
	}, title)
}

// TestLinks wants each link within the documentation to lead to a file, and to a heading where it names one.
func TestLinks(t *testing.T) {
	t.Parallel()
	found := 0
	for _, name := range append(pages(t), "CHANGELOG.md") {
		for _, m := range link.FindAllStringSubmatch(prose(read(t, name)), -1) {
			if strings.Contains(m[1], "://") {
				continue
			}
			found++
			wantLink(t, name, m[1])
		}
	}
	if found < 50 {
		t.Errorf("%d links were found", found)
	}
}

func wantLink(t *testing.T, page, target string) {
	t.Helper()
	file, fragment, _ := strings.Cut(target, "#")
	if file = path.Join(path.Dir(page), file); target[0] == '#' {
		file = page
	}
	if _, err := os.Stat(filepath.Join(testkit.Root(), file)); err != nil && elsewhere[file] != "" {
		return // it is announced
	} else if err != nil {
		t.Errorf("%s: the link to %s leads nowhere", page, target)
		return
	}
	if fragment != "" && !anchors(read(t, file))[fragment] {
		t.Errorf("%s: %s has no heading for the link to %s", page, file, target)
	}
}

func TestAnchor(t *testing.T) {
	for title, want := range map[string]string{
		"Who may do what": "who-may-do-what", "502, 503, 504": "502-503-504", "[Worker], [Slice]": "worker-slice",
		"`kirin run` as A_B": "kirin-run-as-a_b", "サービスとして動かす": "サービスとして動かす",
	} {
		if got := anchor(title); got != want {
			t.Errorf("%q: %q, want %q", title, got, want)
		}
	}
}

// TestOrder wants the README, which orders the pages by task, to name those that are followed.
func TestOrder(t *testing.T) {
	t.Parallel()
	readme := read(t, "README.md")
	for name := range followed {
		if !strings.HasPrefix(name, "docs/ja/") && !strings.HasPrefix(name, "docs/zh-Hant/") && !strings.Contains(readme, "("+name+")") {
			t.Errorf("the README does not name %s", name)
		}
	}
}
