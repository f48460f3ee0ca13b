package config

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"github.com/coreos/go-systemd/v22/unit"
)

// assignment is one NAME=VALUE of an application file, with continued lines joined.
type assignment struct {
	section, name, value string
	line                 int // the first one, from 1
}

// scanError is a line that cannot be read.
type scanError struct {
	line          int
	problem, mend string
}

func (e *scanError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.problem) }

// scan reads the syntax of unit files (systemd.syntax(7)). The parser is go-systemd's, but the lines are prepared for
// it here, because it knows no line numbers, takes what follows a comment that ends in a backslash for a comment, keeps
// backslashes and comments in the middle of continued values, skips what stands before the first section, and gives up
// at 2048 bytes.
func scan(text string) ([]assignment, error) {
	lines, err := logicalLines(text)
	if err != nil {
		return nil, err
	}
	var plain []string
	var at []int // the line of each assignment
	for _, l := range lines {
		if l.text[0] != '[' {
			at = append(at, l.number)
			l.text += sentinel
		}
		plain = append(plain, l.text+"\n")
	}
	options, err := unit.DeserializeOptions(&lineReader{lines: plain})
	if err != nil || len(options) != len(at) {
		return nil, fmt.Errorf("%d assignments were read of %d: %w", len(options), len(at), err)
	}
	assignments := make([]assignment, len(options))
	for i, o := range options {
		value := strings.TrimSpace(strings.TrimSuffix(o.Value, sentinel))
		assignments[i] = assignment{section: o.Section, name: o.Name, value: value, line: at[i]}
	}
	return assignments, nil
}

// sentinel ends a value, so that a backslash before it does not continue the line. No value holds it.
const sentinel = "\x1f"

// lineReader gives one line at a time and little of it, for the parser refuses what it can see 2048 bytes of.
type lineReader struct{ lines []string }

func (r *lineReader) Read(b []byte) (int, error) {
	if len(r.lines) == 0 {
		return 0, io.EOF
	}
	n := copy(b[:min(len(b), 512)], r.lines[0])
	if r.lines[0] = r.lines[0][n:]; r.lines[0] == "" {
		r.lines = r.lines[1:]
	}
	return n, nil
}

// logicalLine is a section's heading or an assignment, trimmed and never empty.
type logicalLine struct {
	text   string
	number int
}

// logicalLines drops comments and blank lines and joins continued ones by a space, as systemd does.
func logicalLines(text string) (lines []logicalLine, err error) {
	var joined *logicalLine // a line that goes on
	number, headed := 0, false
	for physical := range strings.SplitSeq(strings.TrimPrefix(text, "\ufeff"), "\n") {
		number++
		physical = strings.TrimSuffix(physical, "\r")
		if err := checkLine(physical, number); err != nil {
			return nil, err
		}
		trimmed := strings.TrimLeft(physical, blanks)
		if trimmed != "" && strings.ContainsRune("#;", rune(trimmed[0])) {
			continue
		}
		line := logicalLine{text: trimmed, number: number}
		if joined != nil { // here the blanks count
			line = logicalLine{text: joined.text + physical, number: joined.number}
			joined = nil
		}
		if goesOn(line.text) {
			line.text = line.text[:len(line.text)-1] + " "
			joined = &line
			continue
		}
		if lines, headed, err = appendLine(lines, line, headed); err != nil {
			return nil, err
		}
	}
	if joined != nil {
		lines, _, err = appendLine(lines, *joined, headed)
	}
	return lines, err
}

const blanks = " \t"

// goesOn reports whether a line ends in a backslash that is not itself escaped.
func goesOn(line string) bool {
	return (len(line)-len(strings.TrimRight(line, `\`)))%2 == 1
}

func checkLine(line string, number int) error {
	if !utf8.ValidString(line) {
		return &scanError{number, "this is not UTF-8", "save the file as UTF-8"}
	}
	if i := strings.IndexFunc(line, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }); i >= 0 {
		return &scanError{number, fmt.Sprintf("the control character %q is not allowed", line[i]), "remove it"}
	}
	return nil
}

// appendLine checks the form of a line. headed is whether a section has begun.
func appendLine(lines []logicalLine, line logicalLine, headed bool) ([]logicalLine, bool, error) {
	line.text = strings.Trim(line.text, blanks)
	name, _, assigns := strings.Cut(line.text, "=")
	switch {
	case line.text == "":
		return lines, headed, nil
	case line.text[0] == '[' && strings.IndexByte(line.text, ']') != len(line.text)-1:
		return nil, false, &scanError{line.number, fmt.Sprintf("%q is not a section", line.text), "a section is written [App], on a line of its own"}
	case line.text[0] == '[':
		headed = true
	case !headed:
		return nil, false, &scanError{line.number, "there is no section yet", "begin the file with [App]"}
	case !assigns:
		return nil, false, &scanError{line.number, fmt.Sprintf("%q has no =", line.text), "write KEY=VALUE, or # before a comment"}
	case strings.Trim(name, blanks) == "":
		return nil, false, &scanError{line.number, "there is no key before the =", "write KEY=VALUE"}
	}
	return append(lines, line), headed, nil
}
