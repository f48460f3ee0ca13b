package config

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Markdown is the reference of the settings: the text of docs/settings.md.
func Markdown() string {
	var b strings.Builder
	b.WriteString(markdownHead)
	section := ""
	for _, s := range table {
		if s.Section != section {
			section = s.Section
			fmt.Fprintf(&b, "\n## %s\n\n| setting | flags | environment | default | state | |\n| --- | --- | --- | --- | --- | --- |\n", section)
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s | %s |\n",
			s.Name, code(s.Flags()), code(s.env()), code([]string{s.ShownDefault()}), s.State, cell(s.description()))
	}
	return b.String()
}

const markdownHead = `# Settings

<!-- Made from the table in internal/config; change it there, then: go test ./internal/config -update -->

Every setting of Gunicorn 26.1 is known to ` + "`kirin run`" + ` under Gunicorn's own name, with its meaning and its default, and
there are a few of kirin's own. ` + "`kirin settings`" + ` prints this table. The state of each says what kirin makes of it:

- *implemented*: as in Gunicorn.
- *better*: what it is for is done in another way, which the last column tells.
- *systemd's*: under systemd a directive of a unit does it, and the last column names it; ` + "`kirin run`" + ` does it itself.
- *not applicable*: there is nothing in kirin that it could act on, and the last column says why.

A value that changes nothing is accepted and noted in the log, with the reason.

A value comes from, the later one winning: the default; the environment variable in the third column; the configuration
file; ` + "`GUNICORN_CMD_ARGS`" + `; the command line. A setting without a flag can be set in the configuration file only.

There is one configuration file: the one that ` + "`--config`" + ` names on the command line, else the one that it names in
` + "`GUNICORN_CMD_ARGS`" + `, else ` + "`gunicorn.conf.py`" + ` in the directory that kirin is started in, if it is there. It is Python, and
the application's interpreter runs it, once at the start and again at each reload (SIGHUP).

Times are whole seconds. Numbers may be written as in Python (` + "`0x10`" + `, ` + "`1_000`" + `).
`

// Flags lists the setting's flags with their dashes, the short one first; none for a setting of the file alone.
func (s *Setting) Flags() []string {
	var flags []string
	if s.Short != "" {
		flags = append(flags, "-"+s.Short)
	}
	for _, long := range s.Long {
		flags = append(flags, "--"+long)
	}
	return flags
}

func (s *Setting) env() []string {
	if s.Env == "" {
		return nil
	}
	return []string{s.Env}
}

func (s *Setting) description() string {
	text := sentence(s.Help)
	if s.Note != "" {
		text += " " + sentence(s.Note)
	}
	return text
}

// sentence makes one of a clause.
func sentence(text string) string {
	first, size := utf8.DecodeRuneInString(text)
	return string(unicode.ToUpper(first)) + text[size:] + "."
}

// code sets each text in a fixed pitch.
func code(texts []string) string {
	return strings.Join(each(texts, func(t string) string { return "`" + cell(t) + "`" }), " ")
}

// cell keeps a text inside its cell of a table.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
