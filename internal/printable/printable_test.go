package printable

import (
	"bytes"
	"testing"
)

func TestText(t *testing.T) {
	for text, want := range map[string]string{
		"plain\n\ttext, größer ✓": "plain\n\ttext, größer ✓",
		"\x1b]0;title\a\x1b[2J\r": `\x1b]0;title\a\x1b[2J\r`,
		"\u009b31m\u202egnp.exe":  `\u009b31m\u202egnp.exe`,
		"half \xc3":               `half \xc3`,
		"\x7f\x00":                `\x7f\x00`,
	} {
		if got := Text(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
		var b bytes.Buffer
		if n, err := (Writer{&b}).Write([]byte(text)); n != len(text) || err != nil || b.String() != want {
			t.Errorf("%q: got %d, %v, %q", text, n, err, b.String())
		}
	}
}

func TestStrings(t *testing.T) {
	type inner struct{ Text []string }
	v := struct {
		A string
		B *inner
		C []inner
		D *inner
	}{"\x1b", &inner{[]string{"\r"}}, []inner{{[]string{"ok", "\a"}}}, nil}
	Strings(&v)
	if v.A != `\x1b` || v.B.Text[0] != `\r` || v.C[0].Text[1] != `\a` || v.C[0].Text[0] != "ok" {
		t.Errorf("got %+v", v)
	}
}
