package proxies

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
)

// packet makes a uwsgi packet of names and values.
func packet(vars ...string) []byte {
	var body []byte
	for _, text := range vars {
		body = binary.LittleEndian.AppendUint16(body, uint16(len(text)))
		body = append(body, text...)
	}
	head := append([]byte{0}, binary.LittleEndian.AppendUint16(nil, uint16(len(body)))...)
	return append(append(head, 0), body...)
}

func TestUWSGIHead(t *testing.T) {
	for _, c := range []struct {
		vars []string
		want string // the head, or a part of the error
	}{
		{nil, "GET / HTTP/1.0\r\n\r\n"},
		{
			[]string{
				"REQUEST_METHOD", "POST", "PATH_INFO", "/a b", "QUERY_STRING", "x=1", "CONTENT_LENGTH", "3", "CONTENT_TYPE", "text/plain", "HTTP_CONTENT_LENGTH", "3",
				"HTTP_HOST", "h", "HTTP_X_A", "1", "HTTP_X_A", "2", "HTTP_CONNECTION", "keep-alive", "HTTP_EXPECT", "100-continue",
			},
			"POST /a%20b?x=1 HTTP/1.0\r\nHOST: h\r\nX-A: 1\r\nX-A: 2\r\nCONTENT-TYPE: text/plain\r\nCONTENT-LENGTH: 3\r\n\r\n",
		},
		{[]string{"REQUEST_URI", "/%C3%BC%2f?q", "PATH_INFO", "/ü/", "QUERY_STRING", "q", "CONTENT_LENGTH", ""}, "GET /%C3%BC%2f?q HTTP/1.0\r\n\r\n"},
		{[]string{"REQUEST_URI", "/old", "PATH_INFO", "/new"}, "GET /new HTTP/1.0\r\n\r\n"}, // a proxy has rewritten it
		{[]string{"SCRIPT_NAME", "/app", "PATH_INFO", "/x", "REQUEST_URI", "/app/x"}, "GET /app/x HTTP/1.0\r\n\r\n"},
		{[]string{"SCRIPT_NAME", "/app/", "PATH_INFO", "/app/x?"}, "GET /app/x%3F HTTP/1.0\r\n\r\n"},
		{[]string{"REQUEST_METHOD", "OPTIONS", "PATH_INFO", "*"}, "OPTIONS * HTTP/1.0\r\n\r\n"},
		{[]string{"HTTP_TRANSFER_ENCODING", "chunked"}, "unknown length"},
		{[]string{"CONTENT_LENGTH", "5", "HTTP_TRANSFER_ENCODING", "chunked"}, "GET / HTTP/1.0\r\nCONTENT-LENGTH: 5\r\n\r\n"},
		{[]string{"CONTENT_LENGTH", "5", "CONTENT_LENGTH", "6"}, "twice"},
		{[]string{"HTTP_X", "a\r\nEvil: 1"}, "control character"},
		{[]string{"HTTP_X\r\nEvil", "1"}, "no name"},
		{[]string{"REQUEST_METHOD", "GET /x HTTP/1.1"}, "no method"},
	} {
		u, n, err := ParseUWSGI(packet(c.vars...))
		head := ""
		if err == nil {
			var b []byte
			b, err = u.Head()
			head = string(b)
		}
		if err != nil {
			head = err.Error()
		}
		if head != c.want && (err == nil || !strings.Contains(head, c.want)) {
			t.Errorf("%q:\n got %q\nwant %q", c.vars, head, c.want)
		}
		if err == nil && n != len(packet(c.vars...)) {
			t.Errorf("%q: %d bytes", c.vars, n)
		}
	}
}

func TestUWSGIParts(t *testing.T) {
	whole := packet("PATH_INFO", "/x", "REMOTE_ADDR", "2001:db8::1", "REMOTE_PORT", "99", "HTTPS", "on", "SERVER_PROTOCOL", "HTTP/2.0", "SHOP", "9", "wsgi.input", "x", "HTTP_A", "b")
	for n := range whole {
		if _, size, err := ParseUWSGI(whole[:n]); size != 0 || err != nil {
			t.Fatalf("of %d bytes: %d, %v", n, size, err)
		}
	}
	u, n, err := ParseUWSGI(append(whole, "body"...))
	if err != nil || n != len(whole) {
		t.Fatal(n, err)
	}
	var own []string
	u.Each(func(name, value string) { own = append(own, name+"="+value) })
	got := fmt.Sprintf("%v %s %s %s %q", u.Client(), u.Scheme(), u.Proto(), u.Script(), own)
	if want := `[2001:db8::1]:99 https HTTP/2.0  ["HTTPS=on" "SHOP=9"]`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, bad := range [][]byte{{5, 0, 0, 0}, {0, 1, 0, 0, 7}, {0, 5, 0, 0, 9, 0, 'a', 'b', 'c'}, packet("", "x"), packet("A", "1", "A", "2")} {
		if _, _, err := ParseUWSGI(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

// FuzzUWSGI: what is taken makes a head with one line for each thing, whatever the bytes.
func FuzzUWSGI(f *testing.F) {
	f.Add(packet("REQUEST_METHOD", "POST", "PATH_INFO", "/%\xff ", "HTTP_X_Y", "z", "CONTENT_LENGTH", "1"))
	f.Add([]byte("\x00\x01\x00\x00x"))
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		u, n, err := ParseUWSGI(b)
		if err != nil || n == 0 {
			return
		}
		if n > len(b) || n > 4+1<<16 {
			t.Fatalf("%d of %d bytes", n, len(b))
		}
		u.Client()
		u.Scheme()
		head, err := u.Head()
		if err != nil {
			return
		}
		lines := bytes.Count(head, []byte("\n"))
		if !bytes.HasSuffix(head, []byte("\r\n\r\n")) || bytes.Contains(head[:len(head)-4], []byte("\r\n\r\n")) || lines > len(u.vars)+4 || bytes.Count(head, []byte("\r")) != lines {
			t.Fatalf("%q", head)
		}
	})
}
