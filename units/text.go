package units

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// checkText refuses control characters: a newline in a value would begin another directive. A tab does no harm.
func checkText(text string) error {
	if !utf8.ValidString(text) {
		return fmt.Errorf("%q is not UTF-8", text)
	}
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\t' || r == 0x7f }) {
		return fmt.Errorf("%q holds a control character", text)
	}
	return nil
}

// checkLine is checkText for what is written as it stands, not quoted: a backslash at its end would take the next line in
// (systemd.syntax(7)).
func checkLine(text string) error {
	trimmed := strings.TrimRight(text, " \t")
	if (len(trimmed)-len(strings.TrimRight(trimmed, `\`)))%2 == 1 {
		return fmt.Errorf("%q ends in a backslash, which would take the next line in", text)
	}
	return checkText(text)
}

// noSpecifier keeps systemd from taking a percent sign for a specifier.
func noSpecifier(text string) string { return strings.ReplaceAll(text, "%", "%%") }

// word writes a text as one word of a line that systemd splits (systemd.syntax(7)).
func word(text string) string {
	text = noSpecifier(text)
	if text != "" && !strings.ContainsAny(text, " \t\n\"'\\;") {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\t", `\t`, "\n", `\n`).Replace(text) + `"`
}

// argument writes a text as one word of a command line, where systemd also replaces variables.
func argument(text string) string { return strings.ReplaceAll(word(text), "$", "$$") }

// command writes a command line. systemd takes no variable in the first word, and reads $$ there as it stands.
func command(program string, args ...string) string {
	words := []string{word(program)}
	for _, arg := range args {
		words = append(words, argument(arg))
	}
	return strings.Join(words, " ")
}

// span writes a time as systemd.time(7) has it.
func span(d time.Duration) string {
	if d%time.Second == 0 {
		return fmt.Sprintf("%ds", d/time.Second)
	}
	return fmt.Sprintf("%dms", d.Milliseconds())
}
