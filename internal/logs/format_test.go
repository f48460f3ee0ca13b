package logs

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// fields is Fields of one set of values for all three.
type fields map[string]string

func (f fields) Field(name string) string         { return f[strings.ToLower(name)] }
func (f fields) ResponseField(name string) string { return f["o:"+strings.ToLower(name)] }
func (f fields) Variable(name string) string      { return f["e:"+strings.ToLower(name)] }

func entry() *Entry {
	return &Entry{
		RemoteAddr: "192.0.2.7", Method: "GET", Target: "/caf%C3%A9?a=1", Proto: "HTTP/1.1", Path: "/café", Query: "a=1",
		Status: 200, Sent: 1234, Pid: 4711, Duration: 2*time.Second + 345*time.Microsecond,
		Time: time.Date(2026, 11, 22, 11, 6, 13, 999, time.FixedZone("", -5*3600)),
		Fields: fields{
			"referer": "http://example.com/", "user-agent": `curl/"8" \o/`, "x-id": "42", "authorization": "Basic YWxpY2U6cHc6eA==",
			"o:content-type": "text/html", "e:wsgi.url_scheme": "https",
		},
	}
}

func compile(t testing.TB, format string) *Format {
	t.Helper()
	f, _, err := Compile(format)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func TestAtoms(t *testing.T) {
	for format, want := range map[string]string{
		DefaultFormat: `192.0.2.7 - alice [22/Nov/2026:11:06:13 -0500] "GET /caf%C3%A9?a=1 HTTP/1.1" 200 1234 ` +
			`"http://example.com/" "curl/\"8\" \\o/"`,
		"":                        "",
		"100%% plain":             "100% plain",
		"%(h)s":                   "192.0.2.7",
		"%(l)s":                   "-",
		"%(u)s":                   "alice",
		"%(t)s":                   "[22/Nov/2026:11:06:13 -0500]",
		"%(r)s":                   "GET /caf%C3%A9?a=1 HTTP/1.1",
		"%(s)s":                   "200",
		"%(m)s %(U)s?%(q)s %(H)s": "GET /café?a=1 HTTP/1.1",
		"%(b)s %(B)s":             "1234 1234",
		"%(f)s":                   "http://example.com/",
		"%(a)s":                   `curl/\"8\" \\o/`,
		"%(T)s %(M)s %(D)s":       "2 2000 2000345",
		"%(L)s":                   "2.000345",
		"%(p)s":                   "<4711>",
		"%({X-Id}i)s":             "42",
		"%({x-id}I)s":             "42",
		"%({Content-Type}o)s":     "text/html",
		"%({wsgi.url_scheme}e)s":  "https",
		"%({none}i)s%({none}o)s":  "--",
		"%({none}e)s":             "-",
		"%(s)d|%(s)5s|%(s)-5s|":   "200|  200|200  |",
		"%(s)05d %(h)012s":        "00200    192.0.2.7",
		"%(h).3s %(s).1s":         "192 200",
		"%(a).7s|":                `curl/\"8|`,
		"%(U)7s|%(U)-6s|":         "  /café|/café |",
		"%(U).5s|":                "/café|",
		"%(x)s %(S)s":             "- -",
		"%({x}z)s %({}i)s %({)s":  "- - -",
	} {
		if got := string(compile(t, format).Append([]byte("|"), entry())); got != "|"+want+"\n" {
			t.Errorf("%s:\n got  %q\n want %q", format, got, "|"+want+"\n")
		}
	}
}

func TestAtomsOfNothing(t *testing.T) {
	all := "%(h)s %(u)s %(m)s %(U)s %(H)s %(f)s %(a)s %(s)s %(p)s %({x}i)s %({x}o)s %({x}e)s %(b)s [%(q)s] %(D)s %(L)s"
	want := "- - - - - - - - - - - - 0 [] 0 0.000000\n"
	if got := string(compile(t, all).Append(nil, &Entry{})); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := string(compile(t, all).Append(nil, &Entry{Fields: fields{}})); got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
	if got := string(compile(t, "%(b)s %(B)s").Append(nil, &Entry{Sent: -1})); got != "- -\n" {
		t.Errorf("got %q", got)
	}
}

func TestCompileErrors(t *testing.T) {
	for format, want := range map[string]string{
		"%h":                           `access log format: "%h" is not an atom: write %(NAME)s, or %% for a per cent sign`,
		"a %":                          `"%" is not an atom: write %(NAME)s`,
		"%(h":                          `"%(h" lacks the ) after the atom's name`,
		"%(h)":                         `"%(h)" lacks the s: write %(h)s`,
		"%(h) %(l)s":                   `"%(h) %(l)s" lacks the s: write %(h)s`,
		"%(D)x":                        `lacks the s: write %(D)s`,
		"%(D)*s":                       `lacks the s`,
		"%(D)9999999s":                 `has a width of 9999999, which is too much: at most 1000`,
		"%(D).9999s":                   `a width of 9999,`,
		"%(D)99999999999999999999999s": `a width of 99999999999999999999, which`,
	} {
		if _, _, err := Compile(format); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s:\n got  %v\n want %s", format, err, want)
		}
	}
}

func TestCompileNamesTheUnknown(t *testing.T) {
	_, unknown, err := Compile("%(S)s %(h)s %(X-Id)s %({x}z)s")
	if err != nil || !slices.Equal(unknown, []string{"S", "X-Id", "{x}z"}) {
		t.Errorf("%q, %v", unknown, err)
	}
	for name, want := range map[string]string{
		"S": "s", "R": "r", "X-Id": "{X-Id}i", "{X-Id}": "{X-Id}i", "host": "{host}i", "HTTP_HOST": "{HTTP_HOST}e",
		"{wsgi.url_scheme}": "{wsgi.url_scheme}e", "{h}": "h", "": "", "x": "", "{x}z": "", "a b": "", "{": "", "{}i": "", "é": "",
	} {
		got := Near(name)
		if got != want {
			t.Errorf("near %q is %q, want %q", name, got, want)
		}
		if got != "" {
			if _, unknown, err := Compile("%(" + got + ")s"); unknown != nil || err != nil {
				t.Errorf("%q is no atom either", got)
			}
		}
	}
}

func TestUser(t *testing.T) {
	for header, want := range map[string]string{
		"Basic YWxpY2U6cHc=":  "alice",
		"basic  YWxpY2U6cHc=": "alice",
		"Basic OnB3":          "", // ":pw"
		"Basic YWxpY2U=":      "", // no colon
		"Basic !!!":           "",
		"Basic //86eA==":      "", // not UTF-8
		"Basic":               "",
		"Bearer YWxpY2U6cHc=": "",
		"":                    "",
	} {
		if got := user(header); got != want {
			t.Errorf("%q: %q, want %q", header, got, want)
		}
	}
}

func TestEscape(t *testing.T) {
	for in, want := range map[string]string{
		"plain":              "plain",
		`a"b\c`:              `a\"b\\c`,
		"a\r\nb\tc\x00\x7f":  `a\x0d\x0ab\x09c\x00\x7f`,
		"\x1b[31mé世🦄":        `\x1b[31mé世🦄`,
		"\x85\xff\xe9":       `\x85\xff\xe9`,
		"\u0085\u2028\ufffd": `\xc2\x85\xe2\x80\xa8` + "\ufffd",
		"caf\xe9\xc3\xa9":    `caf\xe9é`,
	} {
		if got := string(appendEscaped(nil, in)); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if got := string(appendPrintable(nil, "a \"b\"\\\t\x1b\r")); got != "a \"b\"\\\t"+`\x1b\x0d` {
		t.Errorf("%q", got)
	}
}

// unescape undoes appendEscaped.
func unescape(s string) (string, bool) {
	var b strings.Builder
	for s != "" {
		switch {
		case strings.HasPrefix(s, `\x`) && len(s) >= 4:
			c, err := strconv.ParseUint(s[2:4], 16, 8)
			if err != nil {
				return "", false
			}
			b.WriteByte(byte(c))
			s = s[4:]
		case s[0] == '\\' && len(s) >= 2 && (s[1] == '"' || s[1] == '\\'):
			b.WriteByte(s[1])
			s = s[2:]
		case s[0] == '"' || s[0] == '\\':
			return "", false
		default:
			b.WriteByte(s[0])
			s = s[1:]
		}
	}
	return b.String(), true
}

// FuzzEscape: a value stays on its line and in its quotes, is UTF-8, and is not lost.
func FuzzEscape(f *testing.F) {
	for _, seed := range []string{"", `\`, `"`, `\x41`, "\x80\u0085\u2029", "é", "\xc2", "a\nb"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := string(appendEscaped(nil, s))
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return r < ' ' || (r >= 0x7f && r < 0xa0) }) {
			t.Errorf("%q is written %q", s, got)
		}
		if back, ok := unescape(got); !ok || back != s {
			t.Errorf("%q is written %q, which reads %q", s, got, back)
		}
	})
}

// FuzzCompile: whatever compiles gives one line for whatever a client sends.
func FuzzCompile(f *testing.F) {
	for _, seed := range []string{DefaultFormat, "%(h)-10s", "%({x}i)s", "%%%(s)05d", "%(a).1s", "%(", "%(h)", "%({"} {
		f.Add(seed, "GET\n\"\\")
	}
	f.Fuzz(func(t *testing.T, format, value string) {
		c, _, err := Compile(format)
		if err != nil {
			return
		}
		e := entry()
		e.RemoteAddr, e.Method, e.Target, e.Proto, e.Path, e.Query = value, value, value, value, value, value
		e.Fields = fields{"x": value, "referer": value, "user-agent": value, "authorization": value}
		line := string(c.Append(nil, e))
		if lines, want := strings.Count(line, "\n"), strings.Count(format, "\n")+1; lines > want || !strings.HasSuffix(line, "\n") {
			t.Errorf("%q gives %q", format, line)
		}
	})
}

func TestAppendAllocatesNothing(t *testing.T) {
	f, e := compile(t, DefaultFormat+" %(L)s %(p)s %({x-id}i)s %(D)10s"), entry()
	e.Fields = flat{}
	b := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(100, func() { b = f.Append(b[:0], e) }); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}

// TestClock goes from second to second and from zone to zone.
func TestClock(t *testing.T) {
	var c clock
	at := time.Date(2026, 3, 29, 0, 59, 59, 0, time.UTC)
	for _, when := range []time.Time{at, at.Add(999 * time.Millisecond), at.Add(time.Second), at, at.In(time.FixedZone("X", 3600))} {
		if got, want := c.format(when), when.Format("[02/Jan/2006:15:04:05 -0700]"); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

func BenchmarkAppendDefault(b *testing.B) {
	f, e := compile(b, DefaultFormat), entry()
	e.Fields = flat{}
	line := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		e.Time = e.Time.Add(25 * time.Microsecond)
		line = f.Append(line[:0], e)
	}
}

// flat is Fields that cost nothing, so that the format is measured.
type flat struct{}

func (flat) Field(name string) string {
	switch name {
	case "Referer":
		return "http://127.0.0.1:8000/shop/basket"
	case "User-Agent":
		return "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"
	}
	return ""
}
func (flat) ResponseField(string) string { return "" }
func (flat) Variable(string) string      { return "" }

func ExampleCompile() {
	f, unknown, err := Compile(`%(h)s "%(r)s" %(s)s %(z)s`)
	fmt.Println(unknown, err)
	fmt.Print(string(f.Append(nil, &Entry{RemoteAddr: "::1", Method: "GET", Target: "/", Proto: "HTTP/1.1", Status: 204})))
	// Output:
	// [z] <nil>
	// ::1 "GET / HTTP/1.1" 204 -
}
