package testkit

import (
	"os"
	"strings"
	"testing"
)

// A Trace is the file in which the test applications note what they execute
// (test/apps/sidelog.py).
type Trace struct {
	Path string
}

// Lines returns the notes that begin with the words given, in order.
func (tr *Trace) Lines(words ...string) []string {
	b, err := os.ReadFile(tr.Path)
	if err != nil {
		return nil
	}
	prefix := strings.Join(words, " ") + " "
	var out []string
	for _, line := range strings.SplitAfter(string(b), "\n") {
		if whole, ok := strings.CutSuffix(line, "\n"); ok && strings.HasPrefix(whole+" ", prefix) {
			out = append(out, whole)
		}
	}
	return out
}

// Wait waits until there are n notes that begin with the words given.
func (tr *Trace) Wait(t testing.TB, n int, words ...string) []string {
	t.Helper()
	var lines []string
	if !poll(Patience, func() bool { lines = tr.Lines(words...); return len(lines) >= n }) {
		t.Fatalf("not within %v: %d notes %q of the application; there are %d", Patience, n, words, len(lines))
	}
	return lines
}

// Executions returns how often each request was begun: the third word of
// "begin METHOD ID ..." is the key.
func (tr *Trace) Executions(method string) map[string]int {
	out := make(map[string]int)
	for _, line := range tr.Lines("begin", method) {
		out[strings.Fields(line)[2]]++
	}
	return out
}
