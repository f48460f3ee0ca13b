package move

import (
	"fmt"
	"slices"
	"strings"

	"github.com/kirin-server/kirin/internal/config"
)

// Plan is an application file that is being made.
type Plan struct {
	Name string // of the application
	// Old are the units that the application replaces.
	Old []string

	sources []string
	lines   []line
	left    []string // what could not be carried over
	private bool     // something was read that not everybody may read
}

// read notes a file, without the root, that values come from.
func (p *Plan) read(root, file string) {
	p.private = p.private || !config.ForAll(root, file)
}

// Private reports whether the file is not for everybody to read: what it was made of is not, or something in it looks like a secret.
func (p *Plan) Private() bool { return p.private || len(p.Secrets()) > 0 }

// Secrets are the variables of Environment= that look like secrets, by name.
func (p *Plan) Secrets() (names []string) {
	for _, l := range p.lines {
		if l.key != "Environment" {
			continue
		}
		words, _ := config.UnitWords(l.value)
		for _, word := range words {
			name, _, _ := strings.Cut(word, "=")
			if config.LooksSecret(word) && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// line is one assignment, and where it comes from.
type line struct {
	section, key, value, from string
}

// order is that of the sections in the file. It is data.
var order = []string{"App", "Worker", "Front", "Socket", "Slice"}

// set makes the only lines of a key; values of an earlier source are gone.
func (p *Plan) set(section, key, from string, values ...string) {
	p.drop(section, key)
	for _, v := range values {
		p.add(section, key, v, from)
	}
}

// drop takes the lines of a key out.
func (p *Plan) drop(section, key string) {
	p.lines = slices.DeleteFunc(p.lines, func(l line) bool { return l.section == section && l.key == key })
}

// add adds a line, unless there is one like it. What the file could not say, or would say as something else, is left.
func (p *Plan) add(section, key, value, from string) {
	if why := unwritable(section, key, value); why != "" {
		p.leave(from, "%s: %s", label(key, value), why)
		return
	}
	same := func(l line) bool { return l.section == section && l.key == key && l.value == value }
	if !slices.ContainsFunc(p.lines, same) {
		p.lines = append(p.lines, line{section, key, value, from})
	}
}

// environment adds a variable to those that other sources set; of one name the last counts (systemd.exec(5)).
func (p *Plan) environment(pair, from string) {
	p.add("App", "Environment", `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%").Replace(pair)+`"`, from)
}

// unwritable says why a value cannot be written so that it is read as what it is: a line's end in it would begin another directive.
func unwritable(section, key, value string) string {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return "the value has a control character, such as a line's end, which a unit file cannot hold"
	}
	read, err := config.ScanUnit(fmt.Sprintf("[%s]\n%s=%s\n", section, key, value))
	if err != nil || len(read) != 1 || read[0].Section != section || read[0].Name != key || read[0].Value != value {
		return "the value cannot be written in a unit file"
	}
	return ""
}

// label names an assignment without its value, which may be a secret: of Environment=, it has the variable's name.
func label(key, value string) string {
	if name, _, ok := strings.Cut(strings.TrimPrefix(value, `"`), "="); ok && key == "Environment" {
		return fmt.Sprintf("%s %.60q", key, name)
	}
	return key
}

// values are those of a key.
func (p *Plan) values(section, key string) (all []string) {
	for _, l := range p.lines {
		if l.section == section && l.key == key {
			all = append(all, l.value)
		}
	}
	return all
}

// leave notes what could not be carried over.
func (p *Plan) leave(from, format string, args ...any) {
	text := from + ": " + fmt.Sprintf(format, args...)
	if !slices.Contains(p.left, text) {
		p.left = append(p.left, text)
	}
}

// Left is what could not be carried over, a line each.
func (p *Plan) Left() []string { return p.left }

// setting sets the key of a setting, if kirin has it; else what it was for is left.
func (p *Plan) setting(name, from string, v any) {
	s, ok := config.Lookup(name)
	if !ok || s.AppKey() == "" {
		p.leave(from, "kirin has no such setting yet")
		return
	}
	if text, single := v.(string); single && s.Kind == config.List {
		v = []string{text}
	}
	p.set("App", s.AppKey(), from, s.AppValues(v)...)
}

// has reports whether kirin has a setting of that name.
func has(name string) bool {
	_, ok := config.Lookup(name)
	return ok
}

// Text is the application file.
func (p *Plan) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Made by kirin import, from\n")
	for _, s := range p.sources {
		b.WriteString("#   " + comment(s) + "\n")
	}
	for _, section := range order {
		p.section(&b, section)
	}
	if len(p.left) > 0 {
		b.WriteString("\n# Not carried over:\n")
		for _, text := range p.left {
			b.WriteString("#   " + comment(text) + "\n")
		}
	}
	return b.String()
}

func (p *Plan) section(b *strings.Builder, section string) {
	var keys []string
	for _, l := range p.lines {
		if l.section == section && !slices.Contains(keys, l.key) {
			keys = append(keys, l.key)
		}
	}
	if len(keys) == 0 {
		return
	}
	fmt.Fprintf(b, "\n[%s]\n", section)
	for _, key := range keys {
		from := ""
		for _, l := range p.lines {
			if l.section != section || l.key != key {
				continue
			}
			if l.from != from {
				b.WriteString("# " + comment(l.from) + "\n")
				from = l.from
			}
			fmt.Fprintf(b, "%s=%s\n", l.key, l.value)
		}
	}
}

// comment keeps a text on its line: a backslash at the end would take the next one in.
func comment(text string) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return strings.TrimRight(text, `\ `)
}
