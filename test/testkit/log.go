package testkit

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// A Log is a file that a server writes and a test reads. It is a file, not a
// pipe, so that it outlives the process and a successor can go on writing.
type Log struct {
	Path string
	mark int
}

// String returns all of the log.
func (l *Log) String() string {
	b, err := os.ReadFile(l.Path)
	if err != nil {
		return ""
	}
	return string(b)
}

// Since returns what was written after the last Mark.
func (l *Log) Since() string {
	s := l.String()
	return s[min(l.mark, len(s)):]
}

// Mark makes Since, Wait and Has look only at what is written from now on.
func (l *Log) Mark() { l.mark = len(l.String()) }

// Lines returns the lines of Since that match a regular expression.
func (l *Log) Lines(pattern string) []string {
	re := regexp.MustCompile(pattern)
	var out []string
	for _, line := range strings.Split(l.Since(), "\n") {
		if line != "" && re.MatchString(line) {
			out = append(out, line)
		}
	}
	return out
}

// Has says whether Since matches a regular expression, in which "." does not
// match a newline and "^" and "$" match at lines.
func (l *Log) Has(pattern string) bool {
	return regexp.MustCompile("(?m)" + pattern).MatchString(l.Since())
}

// Wait waits until Since matches a regular expression, as Has does, and
// returns the match and its groups.
func (l *Log) Wait(t testing.TB, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile("(?m)" + pattern)
	var m []string
	if !poll(Patience, func() bool { m = re.FindStringSubmatch(l.Since()); return m != nil }) {
		t.Fatalf("not within %v: a line like %q in %s, which has:\n%s", Patience, pattern, l.Path, l.Since())
	}
	return m
}

// Lacks fails the test when Since matches a regular expression, as Has does.
func (l *Log) Lacks(t testing.TB, pattern string) {
	t.Helper()
	if l.Has(pattern) {
		t.Errorf("%s has a line like %q:\n%s", l.Path, pattern, l.Since())
	}
}
