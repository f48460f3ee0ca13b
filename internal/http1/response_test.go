package http1

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestResponse crosses methods, versions, statuses and lengths. net/http's reader says what a client makes of it.
func TestResponse(t *testing.T) {
	for _, method := range []string{"GET", "HEAD", "POST", "CONNECT"} {
		for _, minor := range []int{0, 1} {
			for _, status := range []int{200, 201, 204, 205, 299, 304, 404, 500, 599} {
				for _, length := range []int64{-1, 0, 5} {
					for _, last := range []bool{false, true} {
						checkResponse(t, &Response{Method: method, Minor: minor, Status: status, Reason: "Some Reason", Length: length, Close: last})
					}
				}
			}
		}
	}
}

func checkResponse(t *testing.T, r *Response) {
	t.Helper()
	r.Fields = []Field{{"X-A", "1"}, {"Set-Cookie", "b"}, {"Set-Cookie", "a"}}
	r.Server, r.Date = "kirin", "Thu, 01 Jan 1970 00:00:00 GMT"
	framing, body := r.Framing(), strings.Repeat("x", max(0, int(r.Length)))
	if r.Status == 204 || r.Status == 304 { // the server has none to send
		body = ""
	}
	text := r.Append(nil)
	switch framing {
	case Sized, ToEnd:
		text = append(text, body...)
	case InChunks:
		body = "chunked"
		text = AppendLastChunk(AppendChunk(text, []byte(body)), nil)
	case NoBody:
		body = ""
	}
	if framing != ToEnd {
		text = append(text, "HTTP/1.1 200 Next\r\n\r\n"...)
	}
	reader := bufio.NewReader(strings.NewReader(string(text)))
	got, err := http.ReadResponse(reader, &http.Request{Method: r.Method})
	if err != nil {
		t.Fatalf("%+v: %v: %q", r, err, text)
	}
	read, err := io.ReadAll(got.Body)
	if err != nil || string(read) != body {
		t.Errorf("%+v: body %q (%v), want %q: %q", r, read, err, body, text)
	}
	if got.Status != fmt.Sprintf("%d Some Reason", r.Status) || got.Header.Get("Server") != "kirin" || got.Header.Get("Date") != r.Date {
		t.Errorf("%+v is read as %v", r, got)
	}
	if told := got.Header.Get("Content-Length"); told != "" && (r.Status == 204 || framing == InChunks || r.tunnel()) || told == "" && framing == Sized {
		t.Errorf("%+v: Content-Length %q", r, told)
	}
	if got.Close != (r.Close || framing == ToEnd) || (got.Header.Get("Connection") == "keep-alive") != (r.Minor == 0 && !got.Close) {
		t.Errorf("%+v: close %v, Connection %q", r, got.Close, got.Header["Connection"])
	}
	if rest, _ := io.ReadAll(reader); framing != ToEnd && !strings.HasPrefix(string(rest), "HTTP/1.1 200 Next") {
		t.Errorf("%+v: then comes %q", r, rest)
	}
	if (framing == ToEnd) != (r.tunnel() || r.Minor == 0 && r.Length < 0 && r.Method != "HEAD" && !Bodiless(r.Status)) {
		t.Errorf("%+v: framing %v", r, framing)
	}
}

// TestResponseBytes holds the bytes themselves.
func TestResponseBytes(t *testing.T) {
	r := &Response{Method: "GET", Minor: 1, Status: 200, Reason: "OK", Fields: []Field{{"x-b", "1"}, {"X-a", ""}}, Length: 14, Server: "kirin", Date: "now"}
	if got, want := string(r.Append([]byte("!"))), "!HTTP/1.1 200 OK\r\nx-b: 1\r\nX-a: \r\nServer: kirin\r\nDate: now\r\nContent-Length: 14\r\n\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	r = &Response{Method: "GET", Minor: 1, Status: 103, Fields: []Field{{"Link", "</a>"}}, Server: "kirin", Date: "now", Close: true, Length: 5}
	if got, want := string(r.Append(nil)), "HTTP/1.1 103 \r\nLink: </a>\r\n\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := string(AppendDate(nil, time.Unix(784111777, 0))); got != "Sun, 06 Nov 1994 08:49:37 GMT" {
		t.Errorf("date %q", got)
	}
}

// TestResponseAllocations: a response costs no memory but that of its bytes.
func TestResponseAllocations(t *testing.T) {
	r := &Response{Method: "GET", Minor: 1, Status: 200, Reason: "OK", Fields: []Field{{"Content-Type", "text/plain"}}, Length: 14, Server: "kirin", Date: "now"}
	buf := make([]byte, 0, 512)
	if n := testing.AllocsPerRun(100, func() { buf = AppendChunk(r.Append(buf[:0]), nil) }); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestInjection: nothing that could begin another line passes as a name or as a value.
func TestInjection(t *testing.T) {
	for c := range 256 {
		text := "a" + string([]byte{byte(c)}) + "b"
		name := strings.IndexByte("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ", byte(c)) >= 0
		if ValidName(text) != name || ValidName([]byte(text)) != name {
			t.Errorf("name %q: %v", text, !name)
		}
		value := c == '\t' || c >= ' ' && c != 0x7f
		if ValidValue(text) != value || ValidValue([]byte(text)) != value {
			t.Errorf("value %q: %v", text, !value)
		}
		if end := valueEnd([]byte(strings.Repeat("x", 20)+text), 0); value != (end == 23) || !value && end != 21 {
			t.Errorf("%q in a long value: it ends at %d", text, end)
		}
	}
	if ValidName("") || !ValidValue("") {
		t.Error("the empty ones")
	}
}
