package main

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/kirin-server/kirin/internal/config"
)

func TestReport(t *testing.T) {
	badValue := &config.Error{
		Setting: "workers", Source: config.Source{Origin: config.FromFile, Name: "/srv/gunicorn.conf.py"},
		Problem: "no", Mend: "say yes", Detail: "Traceback\n  line\n\n",
	}
	for _, c := range []struct {
		err  error
		code int
		want string
	}{
		{errors.New("no luck"), 1, "kirin: error: no luck\n"},
		{errors.New("two\r\nlines\n"), 1, "kirin: error: two lines\n"},
		{usageError("do this", "not %q", "that"), 2, "kirin: error: not \"that\"\nkirin: hint: do this\n"},
		{badValue, 2, "kirin: error: workers: no (gunicorn.conf.py)\nkirin: hint: say yes\nTraceback\n  line\n"},
		{fmt.Errorf("start: %w", badValue), 2, "kirin: error: start: workers: no (gunicorn.conf.py)\nkirin: hint: say yes\nTraceback\n  line\n"},
		{&exitError{code: exitNotLoading, err: errors.New("no module"), detail: "Traceback"}, 4, "kirin: error: no module\nTraceback\n"},
		{fmt.Errorf("boot: %w", &exitError{code: exitBoot, err: errors.New("x")}), 3, "kirin: error: x\n"},
	} {
		var out bytes.Buffer
		if code := report(&out, c.err); code != c.code || out.String() != c.want {
			t.Errorf("%v: exit status %d\n%s\nwant %d\n%s", c.err, code, out.String(), c.code, c.want)
		}
	}
}

// TestHelpFits: the help is written for a terminal of 100 columns.
func TestHelpFits(t *testing.T) {
	for line := range strings.Lines(runLong + "\n" + runUsage()) {
		if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > 100 {
			t.Errorf("%d columns: %s", n, line)
		}
	}
}

// TestHelpHasEveryFlag: each flag is explained when it works, and named below when it does not.
func TestHelpHasEveryFlag(t *testing.T) {
	explained, named, found := strings.Cut(runUsage(), "Taken, and of no effect")
	if !found {
		t.Fatal("the help does not tell what has no effect")
	}
	for _, s := range config.Settings() {
		if len(s.Long) == 0 {
			continue
		}
		flag, in, out := "--"+s.Long[0], explained, named
		if !s.Works() {
			in, out = named, explained
		}
		if !hasWord(in, flag) || hasWord(out, flag) {
			t.Errorf("%s is not where it belongs in the help", flag)
		}
	}
}

func hasWord(text, word string) bool {
	for w := range strings.FieldsSeq(text) {
		if w == word {
			return true
		}
	}
	return false
}

func TestWrap(t *testing.T) {
	for _, c := range []struct {
		text  string
		width int
		want  string
	}{
		{"", 5, ""},
		{"a b c", 5, "a b c"},
		{"a b c", 3, "a b|c"},
		{"longer than that", 4, "longer|than|that"},
		{"  spaces   go ", 20, "spaces go"},
	} {
		if got := strings.Join(wrap(c.text, c.width), "|"); got != c.want {
			t.Errorf("wrap(%q, %d) = %q, want %q", c.text, c.width, got, c.want)
		}
	}
}

func TestRelease(t *testing.T) {
	if version() == "" {
		t.Error("there is no version")
	}
}
