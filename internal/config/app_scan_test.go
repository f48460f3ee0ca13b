package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// TestScan wants lines to be read as systemd.syntax(7) says, where go-systemd's parser does something else.
func TestScan(t *testing.T) {
	for text, want := range map[string]string{
		"":                                   "",
		"# only a comment":                   "",
		"[A]\nb=c":                           "A.b=c@2",
		"\ufeff[A]\nb=c\n":                   "A.b=c@2",
		"[A]\r\nb=c\r\nd=e\\\r\nf\r\n":       "A.b=c@2 A.d=e f@3",
		"[A]\n b =  c d \n":                  "A.b=c d@2",
		"[A]\n# comment \\\nb=c\n":           "A.b=c@3",
		"[A]\nb=c \\\n# between\n; too\n  d": "A.b=c    d@2",
		"[A]\nb=c\\\n\nd=e":                  "A.b=c@2 A.d=e@4",
		"[A]\nb=c\\\\\nd=e":                  `A.b=c\\@2 A.d=e@3`,
		"[A]\nb=c\\":                         "A.b=c@2",
		"[A]\nb=\n[B]\nb==x=y#z;":            "A.b=@2 B.b==x=y#z;@4",
		"[A]\nb=\"c\\\"\n":                   `A.b="c\"@2`,
		"[A]\nb=[c]\n":                       "A.b=[c]@2",
		"[]\nb=c":                            ".b=c@2",
	} {
		got, err := scan(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		var words []string
		for _, a := range got {
			words = append(words, fmt.Sprintf("%s.%s=%s@%d", a.section, a.name, a.value, a.line))
		}
		if s := strings.Join(words, " "); s != want {
			t.Errorf("%q: %s, want %s", text, s, want)
		}
	}
}

// TestScanLong wants lines of any length, however they are long.
func TestScanLong(t *testing.T) {
	long := strings.Repeat("x", 100_000)
	text := "# " + long + "\n[A]\nb=" + long + "\nc=" + strings.Repeat("y\\\n", 5000) + "\n" + strings.Repeat("d=e\n", 5000)
	got, err := scan(text)
	if err != nil || len(got) != 5002 || got[0].value != long || got[5001].line != 10004 {
		t.Fatalf("%d assignments, %v", len(got), err)
	}
}

func TestScanErrors(t *testing.T) {
	for text, want := range map[string]string{
		"\n\nb=c":         "line 3: there is no section yet",
		"[A]\nb":          `line 2: "b" has no =`,
		"[A]\nb\\\nc":     `line 2: "b c" has no =`,
		"[A] x\n":         `line 1: "[A] x" is not a section`,
		"[A]\n=c":         "line 2: there is no key before the =",
		"[A]\nb=c\x00":    `line 2: the control character '\x00' is not allowed`,
		"[A]\nb=c\x7f":    `line 2: the control character '\x7f' is not allowed`,
		"[A]\nb=\x1f":     `line 2: the control character '\x1f' is not allowed`,
		"[A]\n# \x1b\n":   `line 2: the control character '\x1b' is not allowed`,
		"[A]\nb=\xff\xfe": "line 2: this is not UTF-8",
		"[A]\rb=c":        `line 1: the control character '\r' is not allowed`,
	} {
		_, err := scan(text)
		bad, ok := errors.AsType[*scanError](err)
		if !ok || err.Error() != want || bad.mend == "" {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

func TestUnitWords(t *testing.T) {
	for text, want := range map[string]string{
		"":                     "",
		`a b`:                  "a|b",
		`"a b" 'c d'`:          "a b|c d",
		`a"b c"d`:              "ab cd",
		`a\x20b \101\n`:        "a b|A\n",
		`"it's" '"'`:           `it's|"`,
		`\u00e4\U0001F40E \s.`: "ä🐎| .",
		`""`:                   "",
	} {
		got, err := unitWords(text)
		if err != nil || strings.Join(got, "|") != want {
			t.Errorf("%s: %q, %v", text, got, err)
		}
	}
	for _, text := range []string{`"`, `'a`, `\`, `\q`, `\x0`, `\xzz`, `\000`, `\777`, `\ud800`, `\U00110000`, `\ä`} {
		if got, err := unitWords(text); err == nil {
			t.Errorf("%s: %q", text, got)
		}
	}
}

func TestUnquote(t *testing.T) {
	for text, want := range map[string]string{
		`/srv/shop`: `/srv/shop`, `"/srv/my shop"`: "/srv/my shop", `'a\x20b'`: "a b",
		`"a" b`: `"a" b`, `app:create("x")`: `app:create("x")`, `"open`: `"open`, ``: ``, `a\b`: `a\b`,
	} {
		if got := unquote(text); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

func TestWholeSeconds(t *testing.T) {
	for text, want := range map[string]string{
		"30": "30", "0": "0", "30s": "30", "1min 30s": "90", "1min30": "90", "2 h": "7200", "2000ms": "2", "1 hour 1 minute 1 second": "3661",
	} {
		if got, err := wholeSeconds(text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"soon", "1.5", "500ms", "-1", "s", "1 fortnight", "9999999999999", "1s x"} {
		if got, err := wholeSeconds(text); err == nil {
			t.Errorf("%s: %s", text, got)
		}
	}
}

func TestExpand(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	short, _, _ := strings.Cut(host, ".")
	for text, want := range map[string]string{
		"": "", "plain": "plain", "%%": "%", "%i-%I": "my-shop-my/shop", "%n %N %p %P %j %J %f": "kirin@my-shop.service kirin@my-shop kirin kirin kirin kirin /my/shop",
		"%u %U %g %G %h": "root 0 root 0 /root",
		"%t%S%C%L%E%T%V": "/run/var/lib/var/cache/var/log/etc/tmp/var/tmp", "%H": host, "%l": short, "%%i": "%i",
	} {
		if got, err := expand("my-shop", text); err != nil || got != want {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
	for _, text := range []string{"%", "a%", "%q", "%ä", "100% "} {
		if got, err := expand("shop", text); err == nil || !strings.Contains(err.Error(), "%%") {
			t.Errorf("%s: %s, %v", text, got, err)
		}
	}
}

// FuzzAppFile wants any file to be read without a panic: to units whose every line is one that was asked for, or to
// errors that name a line.
func FuzzAppFile(f *testing.F) {
	seeds, err := filepath.Glob("testdata/app/*.conf")
	if err != nil || len(seeds) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range seeds {
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		path := filepath.Join(dir, "fuzz.conf")
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		app, err := LoadAppFile(path)
		for _, line := range errorLines(err) {
			if !strings.HasPrefix(line, path+":") || strings.ContainsFunc(line, unicode.IsControl) {
				t.Errorf("the error is %q", line)
			}
		}
		if err != nil {
			return
		}
		u, err := app.Units("kirin/fuzz")
		if err != nil {
			t.Fatal(err)
		}
		files, err := u.DropIns(252)
		if err != nil {
			t.Fatalf("what was taken becomes no units: %v", err)
		}
		for _, file := range files {
			if _, err := scan(file.Content); err != nil {
				t.Errorf("%s cannot be read again: %v\n%s", file.Path, err, file.Content)
			}
		}
	})
}
