package front

import (
	"bufio"
	"fmt"
	"net/textproto"
	"net/url"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/workers/wire"
)

// FuzzHead: what passes can be written as a head and read back, with not a line more; and what a worker could smuggle in fails.
func FuzzHead(f *testing.F) {
	for _, seed := range [][3]string{
		{"200 OK", "X-A", "b"},
		{"200 OK\r\nX: y", "X", "y"},
		{"299 caf\u00e9", "Set-Cookie", "a=\u00ff"},
		{"200 OK", "Content-Length", "5"},
		{"200 OK", "Connection", "close"},
		{"200 OK", "A\r\nB", "c"},
		{"200 OK", "A", "b\r\n\r\n<html>"},
		{"200 OK", "A", "\xc0\x8d\xc0\x8a"},
		{"200 OK", "A", "\u010d\u010a"},
		{"1xx", "A", "\x00"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, status, name, value string) {
		h, err := checkHead(response(status, name, value, "X-Last", "1"))
		if err != nil {
			return
		}
		text := fmt.Sprintf("HTTP/1.1 %03d %s\r\n", h.status, h.reason)
		for _, field := range h.fields {
			text += field.Name + ": " + field.Value + "\r\n"
		}
		if lines := strings.Count(text, "\n"); lines != 1+len(h.fields) || strings.Count(text, "\r") != lines || strings.Contains(text, "\x00") {
			t.Fatalf("%d fields make %d lines: %q", len(h.fields), lines, text)
		}
		r := textproto.NewReader(bufio.NewReader(strings.NewReader(text + "\r\n")))
		if _, err := r.ReadLine(); err != nil {
			t.Fatal(err)
		}
		read, err := r.ReadMIMEHeader()
		if err != nil {
			t.Fatalf("%v: %q", err, text)
		}
		for _, field := range h.fields {
			if !strings.Contains("\n"+strings.Join(read.Values(field.Name), "\n")+"\n", "\n"+field.Value+"\n") {
				t.Errorf("%s: %q is read back as %q", field.Name, field.Value, read.Values(field.Name))
			}
		}
		if h.length < -1 || h.status < 100 || h.status > 999 {
			t.Errorf("status %d, length %d", h.status, h.length)
		}
	})
}

// FuzzTarget compares splitTarget and unescape with net/url, where both know an answer.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{
		"/", "*", "/a?b", "/a%20b%2F?c%20d", "/%", "/%4", "/%zz", "//a//b", "http://example.org", "http://example.org?q", "https://[::1]:1/a?b#c",
		"/a#b?c", "x://", "://", "%2F", "/caf\xc3\xa9", "/\xff%FF", "example.org:443",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, target string) {
		path, query := splitTarget(target)
		plain := unescape(path)
		if strings.ContainsAny(path, "?#") || strings.Contains(query, "#") || len(plain) > len(path) {
			t.Errorf("%q: path %q, query %q, unescaped %q", target, path, query, plain)
		}
		if !strings.Contains(path, "%") && plain != path {
			t.Errorf("%q is unescaped to %q", path, plain)
		}
		if want, err := url.PathUnescape(target); err == nil && unescape(target) != want {
			t.Errorf("%q is unescaped to %q, by net/url to %q", target, unescape(target), want)
		}
		if strings.Contains(target, "#") { // which net/url takes for a part of the path
			return
		}
		u, err := url.ParseRequestURI(target)
		if err != nil || u.Scheme != "" && !strings.HasPrefix(target[len(u.Scheme):], "://") {
			return
		}
		if want := u.Path; plain != want && (want != "" || plain != "/") || query != u.RawQuery {
			t.Errorf("%q: path %q and query %q, by net/url %q and %q", target, plain, query, want, u.RawQuery)
		}
	})
}

// FuzzEnviron: whatever a request holds, the environ is one dict without a key twice, and the values come through byte by byte.
func FuzzEnviron(f *testing.F) {
	f.Add("GET", "/a?b", "example.org", "Accept: */*\nCookie: a\ncookie: b", "", int64(-1))
	f.Add("POST", "http://x/%ff", "x:1", "Content-Type: t\ncontent-type: u\nX_Y: z\nX-Y: w\n: \nHost: h", "/a", int64(5))
	f.Add("\x00", "\xff", "\xc3\xa9", "\xe9: \xe9\n\xc9: \xc9", "/\xff", int64(1)<<62)
	f.Fuzz(func(t *testing.T, method, target, host, lines, script string, length int64) {
		if len(lines) > 4<<10 {
			return // the checks below take their time
		}
		x := &Exchange{Method: method, Target: target, Host: host, Proto: "HTTP/1.1", Scheme: "http"}
		for line := range strings.SplitSeq(lines, "\n") {
			name, value, _ := strings.Cut(line, ": ")
			x.Fields = append(x.Fields, Field{Name: name, Value: value})
		}
		env := environOf(t, Options{ScriptName: script}, x, length)
		for _, key := range []string{
			"REQUEST_METHOD", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL",
			"wsgi.url_scheme", "REMOTE_ADDR", "RAW_URI", "SERVER_SOFTWARE",
		} {
			if _, ok := env[key]; !ok {
				t.Errorf("no %s", key)
			}
		}
		if env["REQUEST_METHOD"] != method || env["RAW_URI"] != target || env["HTTP_HOST"] != host || env["SERVER_NAME"] == "" {
			t.Errorf("the environ %v is not that of %+v", sorted(env), x)
		}
		for i := range x.Fields {
			wantField(t, env, x, &x.Fields[i])
		}
	})
}

func wantField(t *testing.T, env map[string]string, x *Exchange, f *Field) {
	t.Helper()
	key := string(appendVariable(nil, f.Name)[5:]) // after the code and the length
	latin, _ := wire.Latin1([]byte(key))
	got, ok := env[string(latin)]
	switch {
	case strings.Contains(f.Name, "_"), skipped(f.Name), equalFold(f.Name, "Content-Type"):
	case !ok || !strings.Contains(got, f.Value):
		t.Errorf("%s is %q (%v), and lacks %q of %+v", key, got, ok, f.Value, x.Fields)
	}
}
