package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// python writes a value as Python would, for messages and for --print-config.
func python(v any) string {
	switch v := v.(type) {
	case nil:
		return "None"
	case bool:
		return map[bool]string{true: "True", false: "False"}[v]
	case string:
		return quote(v)
	case []string:
		return python(anys(v))
	case []any:
		return "[" + strings.Join(each(v, python), ", ") + "]"
	case map[string]any:
		return "{" + strings.Join(each(slices.Sorted(maps.Keys(v)), func(key string) string {
			return quote(key) + ": " + python(v[key])
		}), ", ") + "}"
	case json.Number:
		return v.String()
	}
	return fmt.Sprint(v)
}

// quote writes a string as repr() does, with single quotes unless that would need a backslash.
func quote(text string) string {
	mark := "'"
	if strings.Contains(text, "'") && !strings.Contains(text, `"`) {
		mark = `"`
	}
	r := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\x00", `\x00`, "'", `\'`)
	if mark == `"` {
		r = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\x00", `\x00`)
	}
	return mark + r.Replace(text) + mark
}

func each[T, U any](items []T, write func(T) U) []U {
	out := make([]U, len(items))
	for i, item := range items {
		out[i] = write(item)
	}
	return out
}

// Print is every setting in the form of Gunicorn's --print-config: a line each, sorted by name.
func (c *Config) Print() string {
	names := slices.Sorted(maps.Keys(c.values))
	width := 0
	for _, name := range names {
		width = max(width, len(name))
	}
	var b strings.Builder
	for _, name := range names {
		fmt.Fprintf(&b, "%-*s = %s\n", width, name, bare(c.values[name].v))
	}
	return b.String()
}

// PrintSources is Print with the place that each value comes from, and what another place said that did not win.
func (c *Config) PrintSources() string {
	var b strings.Builder
	for line := range strings.Lines(c.Print()) {
		name, _, _ := strings.Cut(line, " ")
		fmt.Fprintf(&b, "%s  # %s", strings.TrimSuffix(line, "\n"), c.values[name].source)
		for _, lost := range slices.Backward(c.earlier[name]) {
			fmt.Fprintf(&b, ", which wins over %s (%s)", bare(lost.v), lost.source)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// bare writes a value as Python's print() does: a string has no quotes.
func bare(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	return python(v)
}

// Source says where a setting's value comes from.
func (c *Config) Source(name string) Source { return c.values[name].source }
