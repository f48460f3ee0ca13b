package config

import (
	"fmt"
	"strconv"
	"strings"
)

// Given is a value that some source has, with the source.
type Given struct {
	Setting *Setting
	Value   any // as [Setting.Parse] gives it
	Source  Source
}

// Given lists the values that are not defaults, in the order of the table.
func (c *Config) Given() (all []Given) {
	for _, s := range table {
		if v := c.values[s.Name]; v.source.Origin != FromDefault {
			all = append(all, Given{s, v.v, v.source})
		}
	}
	return all
}

// Elsewhere says why a setting has no place in an application file, and what to do instead; ok is false for one that has.
func (s *Setting) Elsewhere() (why, mend string, ok bool) {
	if texts, no := elsewhere[s.Name]; no {
		return texts[0], texts[1], true
	}
	if s.AppKey() == "" {
		return "it is no text", "keep it in Python, in the application", true
	}
	return "", "", false
}

// AppValues writes a value as an application file has it: a text for each line of the key.
func (s *Setting) AppValues(v any) []string {
	switch v := v.(type) {
	case []string:
		if s.Kind == CommaList {
			return []string{QuoteUnit(strings.Join(v, ","))}
		}
		return each(v, QuoteUnit)
	case bool:
		return []string{map[bool]string{true: "yes", false: "no"}[v]}
	case int:
		if s.Kind == Mode {
			return []string{fmt.Sprintf("%04o", v)}
		}
		return []string{strconv.Itoa(v)}
	case string:
		if s.Name == "access_log_format" { // its percent signs are its own
			return []string{v}
		}
		return []string{QuoteUnit(v)}
	}
	return nil
}

// QuoteUnit writes a text as a value of a unit file: percent signs are doubled, and it is quoted when it would read as something else.
func QuoteUnit(text string) string {
	text = strings.ReplaceAll(text, "%", "%%")
	if text == "" || strings.ContainsAny(text[:1], `"'`) || strings.TrimSpace(text) != text || strings.HasSuffix(text, `\`) ||
		strings.ContainsAny(text, "\n\r\t") {
		return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\r", `\r`, "\t", `\t`).Replace(text) + `"`
	}
	return text
}

// Assignment is one NAME=VALUE of a unit file, with continued lines joined.
type Assignment struct {
	Section, Name, Value string
	Line                 int // the first one, from 1
}

// ScanUnit reads the syntax of unit files (systemd.syntax(7)).
func ScanUnit(text string) ([]Assignment, error) {
	assignments, err := scan(text)
	return each(assignments, func(a assignment) Assignment { return Assignment{a.section, a.name, a.value, a.line} }), err
}

// UnitWords splits a value into words, as systemd splits Environment=.
func UnitWords(value string) ([]string, error) { return unitWords(value) }

// ShellWords splits a text as a shell would, but that nothing is replaced.
func ShellWords(text string) ([]string, error) { return splitWords(text) }
