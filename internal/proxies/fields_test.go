package proxies

import (
	"slices"
	"testing"
)

func TestSplitList(t *testing.T) {
	got := SplitList([]string{"a, b", "", " c\t,"})
	if want := []string{"a", "b", "", "c", ""}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestParseNode(t *testing.T) {
	for text, want := range map[string]string{
		"192.0.2.1": "192.0.2.1:0", "192.0.2.1:80": "192.0.2.1:80", "2001:db8::1": "[2001:db8::1]:0", "[2001:db8::1]": "[2001:db8::1]:0",
		"[2001:db8::1]:80": "[2001:db8::1]:80", "::ffff:192.0.2.1": "192.0.2.1:0", "192.0.2.1:_x": "192.0.2.1:0", "fe80::1%eth0": "[fe80::1]:0",
		"": "", "unknown": "", "_hidden": "", "localhost": "", "192.0.2": "", "[192.0.2.1]": "", "[2001:db8::1": "", "[::1]x": "", "192.0.2.1, ": "",
		"1.2.3.4:5:6": "", "192.0.2.01": "",
	} {
		addr, ok := ParseNode(text)
		if ok != (want != "") || ok && addr.String() != want {
			t.Errorf("%q: %v, %v, want %q", text, addr, ok, want)
		}
	}
}

func TestParseForwarded(t *testing.T) {
	for _, c := range []struct {
		lines []string
		want  []Element // nil: malformed
	}{
		{[]string{"for=192.0.2.1;proto=https;host=example.com"}, []Element{{"192.0.2.1", "https", "example.com"}}},
		{[]string{`For="[2001:db8::1]:80" ; PROTO=http ;by=x`}, []Element{{"[2001:db8::1]:80", "http", ""}}},
		{[]string{"for=a, for=b", "for=c"}, []Element{{For: "a"}, {For: "b"}, {For: "c"}}},
		{[]string{`for="a, for=\"b"`}, []Element{{For: `a, for="b`}}},
		{[]string{"for=192.0.2.1:80"}, []Element{{For: "192.0.2.1:80"}}},
		{[]string{"for=a,,for=b"}, []Element{{For: "a"}, {}, {For: "b"}}},
		{[]string{""}, []Element{{}}},
		{[]string{`for="evil, for=192.0.2.1`}, nil},
		{[]string{`for="evil`, "for=192.0.2.1"}, nil},
		{[]string{`for="evil, for="[::1]"`}, nil},
		{[]string{"for=a;for=b"}, nil},
		{[]string{"for"}, nil},
		{[]string{"for=a b"}, nil},
		{[]string{"=a"}, nil},
		{[]string{"for="}, nil},
	} {
		got, ok := ParseForwarded(c.lines)
		if ok != (c.want != nil) || !slices.Equal(got, c.want) {
			t.Errorf("%q: %q, %v, want %q", c.lines, got, ok, c.want)
		}
	}
}

// FuzzForwarded: what a proxy appends behind a comma, or in a line of its own, is the last element or nothing is read at all.
func FuzzForwarded(f *testing.F) {
	f.Add(`for="[2001:db8::1]:80";proto=https, for=x`)
	f.Add(`for="evil`)
	f.Add(`for="a\", for="`)
	f.Fuzz(func(t *testing.T, theirs string) {
		const ours = "for=192.0.2.1;proto=https"
		for _, lines := range [][]string{{theirs, ours}, {theirs + ", " + ours}} {
			elements, ok := ParseForwarded(lines)
			if !ok {
				continue
			}
			if last := elements[len(elements)-1]; last != (Element{For: "192.0.2.1", Proto: "https"}) {
				t.Fatalf("%q: the last element is %q", lines, last)
			}
		}
	})
}
