package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/kirin-server/kirin/internal/config"
)

// The page of "kirin run --help" is written for a terminal of 100 columns.
const (
	helpWidth  = 98
	helpColumn = 32 // where the explanations start
)

// runUsage is the help of "kirin run": the flags by section, from the table of settings.
func runUsage() string {
	var b strings.Builder
	b.WriteString("Usage:\n  kirin run [options] MODULE:CALLABLE\n")
	section := ""
	for _, s := range config.Settings() {
		if len(s.Long) == 0 || !s.Works() {
			continue
		}
		if s.Section != section {
			section = s.Section
			fmt.Fprintf(&b, "\n%s:\n", section)
		}
		b.WriteString(flagHelp(s))
	}
	b.WriteString("\nOther options:\n" + entry("  -h, --help", "this help") + entry("  -v, --version", "the version"))
	b.WriteString(inertFlags())
	return b.String()
}

// flagHelp is one flag's lines.
func flagHelp(s *config.Setting) string {
	left := "      "
	if s.Short != "" {
		left = "  -" + s.Short + ", "
	}
	left += "--" + s.Long[0]
	if s.Kind != config.Bool {
		left += " " + s.Meta
	}
	text := s.Help
	if value := defaultHelp(s); value != "" {
		text += " [" + value + "]"
	}
	return entry(left, text)
}

// defaultHelp is a default as a user would type it, empty when there is nothing to say.
func defaultHelp(s *config.Setting) string {
	if s.Shown != "" {
		return s.Shown
	}
	value := ""
	switch v := s.Default.(type) {
	case string:
		value = v
	case int:
		value = strconv.Itoa(v)
	case []string:
		value = strings.Join(v, ",")
	}
	if s.Env != "" {
		value = "$" + s.Env + " or " + value
	}
	return value
}

// inertFlags names the flags that have no effect.
func inertFlags() string {
	var flags []string
	for _, s := range config.Settings() {
		if len(s.Long) > 0 && !s.Works() {
			flags = append(flags, "--"+s.Long[0])
		}
	}
	return "\nTaken, and of no effect; kirin settings says why:\n  " + strings.Join(wrap(strings.Join(flags, " "), helpWidth-2), "\n  ") + "\n"
}

// entry sets a left part beside its explanation.
func entry(left, text string) string {
	lines := wrap(text, helpWidth-helpColumn)
	first := fmt.Sprintf("%-*s", helpColumn, left)
	if len(left) > helpColumn-2 {
		first = left + "\n" + strings.Repeat(" ", helpColumn)
	}
	return first + strings.Join(lines, "\n"+strings.Repeat(" ", helpColumn)) + "\n"
}

// wrap breaks a text at spaces into lines of at most width bytes, if its words allow.
func wrap(text string, width int) []string {
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		if line != "" && len(line)+1+len(word) > width {
			lines, line = append(lines, line), ""
		}
		line = strings.TrimSpace(line + " " + word)
	}
	return append(lines, line)
}
