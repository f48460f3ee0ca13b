package front

import (
	"slices"
	"strings"
	"testing"

	"github.com/kirin-server/kirin/internal/http1"
	"github.com/kirin-server/kirin/workers/wire"
	"github.com/kirin-server/kirin/workers/workertest"
)

func response(status string, pairs ...string) *wire.Response {
	return &wire.Response{Status: []byte(status), Fields: workertest.Fields(pairs...)}
}

// checkHead reads a head into memory of its own.
func checkHead(r *wire.Response) (*head, error) {
	h := new(head)
	return h, h.read(r)
}

func TestHeadStatus(t *testing.T) {
	for status, want := range map[string]head{
		"200 OK":         {status: 200, reason: "OK"},
		"200":            {status: 200},
		"200 ":           {status: 200},
		"404 Not  Found": {status: 404, reason: "Not  Found"},
		"299 caf\u00e9":  {status: 299, reason: "caf\xe9"},
		"103 Early":      {status: 103, reason: "Early"},
		"999 x":          {status: 999, reason: "x"},
	} {
		h, err := checkHead(response(status))
		if err != nil || h.status != want.status || h.reason != want.reason {
			t.Errorf("%q: %+v, %v", status, h, err)
		}
	}
	for _, status := range []string{
		"", "2", "20", "20x OK", "2000", "200OK", "099 x", "-20 x", "+20 x", " 200 OK", "0x1 x", "2_0 x",
		"200 OK\r\nSet-Cookie: a=b", "200 OK\n", "200 OK\r", "200 \x00", "200 \x7f", "200 \u0100", "200 \u20ac", "200 \xff", "\u0662\u0660\u0660 OK",
	} {
		if h, err := checkHead(response(status)); err == nil {
			t.Errorf("the status %q passes, as %+v", status, h)
		}
	}
}

func TestHeadFields(t *testing.T) {
	h, err := checkHead(response("200 OK", "X-One", " \t1 2\t ", "x-two", "", "Set-Cookie", "a", "Set-Cookie", "b",
		"X-Latin", "caf\u00e9\u00ff", "!#$%&'*+-.^_`|~", "tab\tin"))
	want := []Field{
		{Name: "X-One", Value: "1 2"},
		{Name: "x-two", Value: ""},
		{Name: "Set-Cookie", Value: "a"},
		{Name: "Set-Cookie", Value: "b"},
		{Name: "X-Latin", Value: "caf\xe9\xff"},
		{Name: "!#$%&'*+-.^_`|~", Value: "tab\tin"},
	}
	if err != nil || !slices.Equal(h.fields, want) || h.length != -1 || h.close {
		t.Errorf("got %+v, %v, want %v", h, err, want)
	}
	for _, name := range []string{"", " X", "X ", "X:", "X Y", "X\r\nY", "X\n", "X\x00", "X\x7f", "(X)", "\u00e9", "X\u0100", "X\xff", "\"X\""} {
		if h, err := checkHead(response("200 OK", name, "v")); err == nil {
			t.Errorf("the name %q passes, as %q", name, h.fields)
		}
	}
	for _, value := range []string{
		"a\r\nSet-Cookie: b", "a\nb", "a\rb", "\n", "a\r\n", "a\x00", "a\x01", "a\x1f", "a\x7f", "\u0100", "\u20ac", "a\xff", "a\xc3", "\u0000",
		"a\xc0\x8d\xc0\x8ab", // overlong CR LF
		"\u010d\u010a",       // what a careless conversion to bytes would make CR LF of
	} {
		for _, name := range []string{"X", "Content-Length", "Connection", "Date"} {
			if h, err := checkHead(response("200 OK", name, value)); err == nil {
				t.Errorf("the value %q passes for %s, as %q", value, name, h.fields)
			}
		}
	}
}

// TestHeadConnection: what belongs to the connection is the front's own.
func TestHeadConnection(t *testing.T) {
	for _, name := range []string{
		"Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer", "Trailers",
		"Transfer-Encoding", "Upgrade", "Server", "Date", "transfer-ENCODING",
	} {
		h, err := checkHead(response("200 OK", name, "chunked"))
		if err != nil || len(h.fields) > 0 || h.length != -1 || h.close {
			t.Errorf("%s: %+v, %v", name, h, err)
		}
	}
	for value, want := range map[string]bool{
		"close": true, "Close": true, " close ": true, "keep-alive, close": true, "close,x": true, "": false, "keep-alive": false,
		"closed": false, "x close": false, "upgrade": false,
	} {
		if h, err := checkHead(response("200 OK", "Connection", value)); err != nil || h.close != want {
			t.Errorf("Connection: %s closes: %v (%v), want %v", value, h.close, err, want)
		}
	}
}

func TestHeadLength(t *testing.T) {
	for _, c := range []struct {
		pairs []string
		want  int64
	}{
		{nil, -1},
		{[]string{"Content-Length", "0"}, 0},
		{[]string{"content-length", " 12 "}, 12},
		{[]string{"Content-Length", "9223372036854775807"}, 1<<63 - 1},
		{[]string{"Content-Length", "5", "Content-Length", "5"}, 5},
		{[]string{"Content-Length", "5", "Content-Length", "05"}, 5},
	} {
		if h, err := checkHead(response("200 OK", c.pairs...)); err != nil || h.length != c.want || len(h.fields) > 0 {
			t.Errorf("%q: %+v, %v", c.pairs, h, err)
		}
	}
	for _, pairs := range [][]string{
		{"Content-Length", ""},
		{"Content-Length", "-1"},
		{"Content-Length", "+1"},
		{"Content-Length", "1.0"},
		{"Content-Length", "0x10"},
		{"Content-Length", "1_0"},
		{"Content-Length", "5, 5"},
		{"Content-Length", "9223372036854775808"},
		{"Content-Length", "5", "content-length", "6"},
	} {
		if h, err := checkHead(response("200 OK", pairs...)); err == nil {
			t.Errorf("%q passes, as %d", pairs, h.length)
		}
	}
}

// TestHeadErrors: what is logged of a bad head is short and has no control characters.
func TestHeadErrors(t *testing.T) {
	long := strings.Repeat("\n\x1b[31m\xff", 1000)
	for _, r := range []*wire.Response{response(long), response("200 OK", long, "v"), response("200 OK", "X", long), response("200 OK", "Content-Length", strings.Repeat("9", 9999))} {
		_, err := checkHead(r)
		if err == nil {
			t.Fatalf("%.40q passes", r.Status)
		}
		if text := err.Error(); len(text) > 600 || strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("the error has %d bytes: %.200q", len(text), text)
		}
	}
}

func TestBodiless(t *testing.T) {
	for status, want := range map[int]bool{100: true, 103: true, 200: false, 204: true, 205: false, 206: false, 304: true, 404: false, 500: false} {
		if http1.Bodiless(status) != want {
			t.Errorf("status %d is bodiless: %v", status, !want)
		}
	}
}
