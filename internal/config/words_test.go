package config

import (
	"bytes"
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// commandLines are texts for GUNICORN_CMD_ARGS, some of them no good.
var commandLines = []string{
	"", " \t\r\n", "-w 4", "  -w\t4\n--reload ", "--name 'a b' --env A=\"b c\"", `a\ b c\\d`, `''`, `"" x ''`, `a''b"c"d`,
	`"a\"b\\c\nd$e"`, `'a\'`, `'a\b' c`, "--name #1 --workers 2", "a#b # c", "'", `"`, `\`, `a "b`, `a 'b`, `a\`, `"\`, `"a\"`,
	"--bind unix:/run/é.sock", "a\\\nb", "x=$(y) `z` ; | & < >", `"it's"`, `'"'`, "a\vb\fc\u00a0d",
}

// TestSplitWordsIsShlex compares with Python's own shlex, for that is the contract.
func TestSplitWordsIsShlex(t *testing.T) {
	const script = `
import json, shlex, sys
def split(text):
    try:
        return shlex.split(text)
    except ValueError:
        return None
json.dump([split(text) for text in json.load(sys.stdin)], sys.stdout)`
	input, err := json.Marshal(commandLines)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("python3", "-c", script)
	cmd.Stdin = bytes.NewReader(input)
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("ask python3: %v", err)
	}
	var want [][]string
	if err := json.Unmarshal(output, &want); err != nil || len(want) != len(commandLines) {
		t.Fatalf("python3 answered %s: %v", output, err)
	}
	for i, text := range commandLines {
		got, err := splitWords(text)
		if (err == nil) != (want[i] != nil) || !slices.Equal(got, want[i]) {
			t.Errorf("%q: got %q, %v; shlex has %q", text, got, err, want[i])
		}
	}
}

// FuzzSplitWords: words that are quoted are the words that come back.
func FuzzSplitWords(f *testing.F) {
	for _, text := range commandLines {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		words, err := splitWords(text)
		if err != nil {
			return
		}
		var quoted []string
		for _, w := range words {
			quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'"'"'`)+"'")
		}
		again, err := splitWords(strings.Join(quoted, " "))
		if err != nil || !slices.Equal(again, words) {
			t.Errorf("%q: %q, then %q, %v", text, words, again, err)
		}
	})
}
