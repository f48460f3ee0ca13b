package config

import (
	"encoding/json"
	"testing"
)

func TestPython(t *testing.T) {
	for _, c := range []struct {
		v    any
		want string
	}{
		{nil, "None"},
		{true, "True"},
		{false, "False"},
		{12, "12"},
		{json.Number("1.5"), "1.5"},
		{"a", "'a'"},
		{"it's", `"it's"`},
		{`it's "so"`, `'it\'s "so"'`},
		{"a\n\t\\\r\x00", `'a\n\t\\\r\x00'`},
		{"it's\n", `"it's\n"`},
		{[]string{"a", "b"}, "['a', 'b']"},
		{[]string{}, "[]"},
		{[]any{json.Number("1"), nil, []any{}}, "[1, None, []]"},
		{map[string]any{"b": true, "a": "x"}, "{'a': 'x', 'b': True}"},
	} {
		if got := python(c.v); got != c.want {
			t.Errorf("python(%#v) = %s, want %s", c.v, got, c.want)
		}
	}
}
