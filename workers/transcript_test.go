package workers

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var rewrite = flag.Bool("rewrite", false, "write what the transcripts say now to testdata; read the difference before you commit it")

// A script plays commands and tells what came of each. A transcript is a file of blocks: commands, one a line, then a line
// of dashes, then what they print, then an empty line. Lines that begin with # are comments.
type script interface {
	play(command string, args []string) (string, error)
}

// dashes divides a block's commands from what they print.
const dashes = "----"

// playAll plays every transcript in dir, each with a script of its own.
func playAll(t *testing.T, dir string, fresh func() script) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("testdata", dir, "*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no transcripts in testdata/%s: %v", dir, err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) { playFile(t, path, fresh()) })
	}
}

func playFile(t *testing.T, path string, s script) {
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	was := strings.Split(strings.TrimRight(string(b), "\n"), "\n")
	now := replay(t, path, was, s)
	if *rewrite {
		if err := os.WriteFile(path, []byte(strings.Join(now, "\n")+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	for i := range max(len(was), len(now)) {
		if w, n := line(was, i), line(now, i); w != n {
			t.Fatalf("%s:%d: %q, the transcript has %q; see -rewrite", path, i+1, n, w)
		}
	}
}

func line(lines []string, i int) string {
	if i < len(lines) {
		return lines[i]
	}
	return "(end)"
}

// replay gives the transcript as it is played now.
func replay(t *testing.T, path string, lines []string, s script) []string {
	var out []string
	var printed []string
	commands := 0
	for i := 0; i < len(lines); i++ {
		text := lines[i]
		switch {
		case text == dashes:
			for i+1 < len(lines) && lines[i+1] != "" {
				i++ // what was printed
			}
			out = append(append(out, dashes), printed...)
			printed = nil
			continue
		case text != "" && !strings.HasPrefix(text, "#"):
			fields := strings.Fields(text)
			result, err := s.play(fields[0], fields[1:])
			if err != nil {
				t.Errorf("%s:%d: %s: %v", path, i+1, text, err)
			}
			if result != "" {
				printed = append(printed, strings.Split(result, "\n")...)
			}
			commands++
		}
		out = append(out, text)
	}
	if commands == 0 || printed != nil {
		t.Fatalf("%s: %d commands, and %d printed lines after the last %s", path, commands, len(printed), dashes)
	}
	return out
}

// option finds key=value among args.
func option(args []string, key string) (string, bool) {
	for _, arg := range args {
		if k, v, ok := strings.Cut(arg, "="); ok && k == key {
			return v, true
		}
	}
	return "", false
}

// number reads an int option, or gives other when there is none.
func number(args []string, key string, other int) (int, error) {
	v, ok := option(args, key)
	if !ok {
		return other, nil
	}
	n := 0
	_, err := fmt.Sscanf(v, "%d", &n)
	return n, err
}

// span reads a time option, or gives other when there is none.
func span(args []string, key string, other time.Duration) (time.Duration, error) {
	v, ok := option(args, key)
	if !ok {
		return other, nil
	}
	return time.ParseDuration(v)
}

// epoch is when every transcript begins.
var epoch = time.Unix(1_000_000, 0)

func TestTranscriptsAreCompared(t *testing.T) {
	lines := []string{"# a comment", "echo one", "echo", "echo two", dashes, "stale", "", "echo three", dashes}
	want := []string{"# a comment", "echo one", "echo", "echo two", dashes, "one", "two", "", "echo three", dashes, "three"}
	if got := replay(t, "none", lines, echo{}); !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

type echo struct{}

func (echo) play(_ string, args []string) (string, error) { return strings.Join(args, " "), nil }
