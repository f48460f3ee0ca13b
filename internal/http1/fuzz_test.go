package http1

import (
	"bufio"
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
)

// seed gives a fuzz test every head and stream that there is.
func seed(f *testing.F) {
	for _, c := range accepted {
		f.Add([]byte(c.head))
	}
	for _, group := range refused {
		for _, head := range group.heads {
			f.Add([]byte(head))
		}
	}
	for _, v := range vectors(f) {
		f.Add([]byte(v.stream))
	}
	f.Add([]byte(browser))
	f.Add([]byte(wrk))
}

// lenient is what net/http's reader lets pass and this parser refuses, by what the refusal says, and why it is refused all the same. A
// refusal that is not listed, of what net/http takes, fails the test.
var lenient = []struct{ says, why string }{
	{"RFC 9112 §2.2", "net/http ends lines at a bare LF, and takes CR for white space; so does not everybody (CVE-2019-16785)"},
	{"RFC 9112 §2.3", "net/http does not mind white space or LF behind the version"},
	{"RFC 9112 §3)", "the same, behind the target"},
	{"RFC 9112 §3.1", "net/http takes any token for a method; Gunicorn does not, and a setting lifts it"},
	{"RFC 9112 §3.2", "net/http's reader leaves Host, the form of the target and what is not ASCII to its server and to handlers"},
	{"RFC 9110 §15.6.6", "net/http's reader leaves the version to its server"},
	{"RFC 3986 §2.1", "net/http lets escapes pass that are wrong in the path of a target that is none, such as an opaque one"},
	{"RFC 9112 §5.1", "net/http's reader leaves names with white space to its server"},
	{"RFC 9112 §5.2", "net/http joins folded lines"},
	{"RFC 9112 §6.1", "net/http takes Content-Length away beside chunks, and ignores chunks in HTTP/1.0"},
	{"RFC 9112 §6.3", "net/http makes one of lengths that agree"},
	{"RFC 9110 §8.6", "net/http trims more than white space off a length, and takes none for 0"},
	{"RFC 9110 §10.1.1", "net/http's reader leaves expectations to its server"},
	{"the limit", "net/http's reader has none"},
}

// stricter is what net/http refuses and this parser takes.
var stricter = []struct{ says, why string }{
	{`malformed HTTP request ""`, "net/http takes no empty line before a request, but behind POST (RFC 9112 §2.2)"},
	{"invalid byte in chunk length", "net/http takes no white space between a chunk's size and its extension (RFC 9112 §7.1.1)"},
	{"bad trailer key", "net/http looks at Trailer, which announces fields that are dropped here"},
	{"invalid URL port", "url.Parse reads two slashes at the beginning of a path, or a colon in it, as an authority"},
	{"first path segment in URL cannot contain colon", "the same"},
	{"invalid character", "url.Parse reads two slashes as an authority, and what is none there is a path to others"},
	{"invalid URL escape", "the same, with an escape; or in the host of an absolute target, where all escapes are refused"},
	{"missing ']' in host", "the same, with a bracket"},
	{"invalid host", "net/http knows no escapes in a host"},
	{"invalid userinfo", "the same"},
}

func listed(table []struct{ says, why string }, text string) bool {
	for _, row := range table {
		if strings.Contains(text, row.says) {
			return true
		}
	}
	return false
}

// FuzzDifferential: net/http is the second opinion on whatever is taken for a request, head and body; where one of the two refuses, the
// reason is in a table.
func FuzzDifferential(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text []byte) { differ(t, text) })
}

// TestDifferential does the same with streams that are put together from pieces, most of which are a little wrong.
func TestDifferential(t *testing.T) {
	random, taken := rand.New(rand.NewPCG(1, 2)), 0
	one := func(pieces ...string) string { return pieces[random.IntN(len(pieces))] }
	mostly := func(right string, pieces ...string) string {
		if random.IntN(12) > 0 {
			return right
		}
		return one(pieces...)
	}
	end := func() string { return mostly("\r\n", "\n", "\r", "\r\r\n", "\r\n ") }
	for range 100_000 {
		var b strings.Builder
		b.WriteString(mostly("", "\r\n", " ") + mostly("POST", "GET", "OPTIONS", "CONNECT", "get", "G:T"))
		b.WriteString(mostly(" ", "\t", "  ") + mostly("/a%20b?c=%zz", "*", "http://b/c", "http://b:x/", "b:443", "//b/c", "/a#b", "/%zz", "http:b", "/caf\xe9"))
		b.WriteString(mostly(" ", "  ", "") + mostly("HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.1 ", "http/1.1", "HTTP/1.9") + end())
		b.WriteString(mostly("Host: a\r\n", "", "host: b:80\r\n", "Host: \r\n", "Host: a\r\nHost: a\r\n"))
		for range random.IntN(4) {
			value := one("a", "5", "5", "chunked", "chunked", "close", "keep-alive", "", "caf\xe9", "+5", "5, 5", "x, chunked", "chunked, x", "100-continue", "\x00")
			b.WriteString(mostly("", " ") + one("Content-Length", "Transfer-Encoding", "Connection", "Upgrade", "X", "X_Y", "Expect", "") + mostly("", " ", "\x00"))
			b.WriteString(mostly(": ", ":", ":\t", "", " :") + value + end())
		}
		b.WriteString(end() + one("", "hello", "5\r\nhello\r\n0\r\n\r\n", "5;a\r\nhello\r\n0\r\nX: y\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "0\r\n\r\n", "5\nhello\n0\n\n"))
		if differ(t, []byte(b.String())) {
			taken++
		}
		if t.Failed() {
			return
		}
	}
	if taken < 5000 {
		t.Errorf("%d streams are taken: too few to say anything", taken)
	}
}

// differ reads a request in both ways. It says whether both took it.
func differ(t *testing.T, text []byte) (taken bool) {
	t.Helper()
	reader := bufio.NewReader(bytes.NewReader(text))
	theirs, refusal := http.ReadRequest(reader)
	var p Parser
	var h Head
	n, err := p.Parse(&h, text)
	switch {
	case n == 0 && err == nil:
		if refusal == nil {
			t.Errorf("%q: more is wanted, net/http has a request", text)
		}
	case err != nil:
		if refusal == nil && !listed(lenient, err.Error()) {
			t.Errorf("%q: %v, and net/http takes it", text, err)
		}
	case refusal != nil:
		if !listed(stricter, refusal.Error()) {
			t.Errorf("%q is taken, and net/http says: %v", text, refusal)
		}
	default:
		compare(t, &h, theirs)
		compareBody(t, &h, text[n:], theirs)
		return true
	}
	return false
}

func compare(t *testing.T, h *Head, r *http.Request) {
	t.Helper()
	if h.Method != r.Method || h.Target != encodeHigh(r.RequestURI) || h.Host != r.Host || h.KeepAlive == r.Close {
		t.Errorf("%s\nnet/http: %s %s host=%s close=%v", describe(h), r.Method, r.RequestURI, r.Host, r.Close)
	}
	if (h.Minor > 0) != r.ProtoAtLeast(1, 1) || h.Length != r.ContentLength {
		t.Errorf("%s\nnet/http: %s length=%d", describe(h), r.Proto, r.ContentLength)
	}
	ours := http.Header{}
	for _, f := range h.Fields {
		switch name := http.CanonicalHeaderKey(f.Name); name {
		case "Host", "Transfer-Encoding", "Trailer": // which net/http puts elsewhere
		default:
			ours[name] = append(ours[name], f.Value)
		}
	}
	r.Header.Del("Trailer")
	if _, there := ours["Cache-Control"]; !there {
		r.Header.Del("Cache-Control") // which net/http makes of Pragma
	}
	if len(ours) != len(r.Header) {
		t.Errorf("%s\nnet/http: %v", describe(h), r.Header)
	}
	for name, values := range ours {
		if theirs := r.Header[name]; strings.Join(theirs, "\n") != strings.Join(values, "\n") {
			t.Errorf("%s: %q, net/http: %q", name, values, theirs)
		}
	}
}

// compareBody reads a body in both ways. What is refused here, net/http may take; what is taken, it takes as well.
func compareBody(t *testing.T, h *Head, rest []byte, r *http.Request) {
	t.Helper()
	want, failed := io.ReadAll(r.Body)
	if h.Length != Chunked {
		if got := rest[:min(h.Length, int64(len(rest)))]; !bytes.Equal(got, want) {
			t.Errorf("body %q, net/http: %q", got, want)
		}
		return
	}
	got, done, err := dechunk(rest)
	if err == nil && !bytes.Equal(got, want) && failed == nil {
		t.Errorf("%q: body %q, net/http: %q", rest, got, want)
	}
	if done && failed != nil && !listed(stricter, failed.Error()) {
		t.Errorf("%q: a whole body %q, net/http: %v", rest, got, failed)
	}
}

func dechunk(b []byte) (body []byte, done bool, err error) {
	var c Chunks
	for at := 0; !c.Done() && at < len(b); {
		data, n, err := c.Next(b[at:])
		if err != nil {
			return body, false, err
		}
		body, at = append(body, data...), at+n
	}
	return body, c.Done(), nil
}

// FuzzSplit: however a stream is cut, the same requests are in it; a refusal may come earlier.
func FuzzSplit(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add([]byte(v.stream), uint8(1))
		f.Add([]byte(v.stream), uint8(5))
	}
	f.Fuzz(func(t *testing.T, stream []byte, size uint8) {
		text := string(stream) + "\r\n\r\n" // or a refusal may have to wait for the end of its line
		want := connection(t, text, len(text))
		if got := connection(t, text, int(size)+1); got != want {
			t.Errorf("%q: %s by %d bytes, %s at once", text, got, int(size)+1, want)
		}
	})
}

// FuzzRoundTrip: a head that is taken can be written from what was read, and is the same when it is read again.
func FuzzRoundTrip(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		var p, again Parser
		var h, second Head
		n, err := p.Parse(&h, text)
		if n == 0 || err != nil {
			return
		}
		b := append([]byte(nil), h.Method+" "+h.Target+" "+h.Proto()+"\r\n"...)
		b = append(AppendFields(b, h.Fields), "\r\n"...)
		if n, err := again.Parse(&second, b); n != len(b) || err != nil || describe(&second) != describe(&h) {
			t.Errorf("%q is read as %s, written as %q and read as %s (%v)", text, describe(&h), b, describe(&second), err)
		}
	})
}

// FuzzChunks: chunks are the same however they are cut, and what passes, net/http reads in the same way.
func FuzzChunks(f *testing.F) {
	for _, v := range vectors(f) {
		if _, body, ok := strings.Cut(v.stream, "chunked\r\n\r\n"); ok {
			f.Add([]byte(body), uint8(0))
		}
	}
	f.Add([]byte("1 \t; \ta \t= \tb \t; c=\"\\\"\" ;d\r\nx\r\n0 ;e\r\n\r\n"), uint8(3))
	f.Add([]byte("5\r\nhello\r\n006\r\n world\r\n0\r\nX: y\r\nZ:\r\n\r\n"), uint8(6))
	f.Fuzz(func(t *testing.T, b []byte, size uint8) {
		body, rest, done, e := unchunk(t, string(b), len(b)+1)
		if other, otherRest, otherDone, other2 := unchunk(t, string(b), int(size)+1); other != body || otherDone != done ||
			(other2 == nil) != (e == nil) || done && rest != otherRest {
			t.Errorf("%q: %q (%v) at once, %q (%v) by %d", b, body, e, other, other2, int(size)+1)
		}
		if !done {
			return
		}
		head := "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head + string(b))))
		if err != nil {
			t.Fatal(err)
		}
		if theirs, err := io.ReadAll(r.Body); err == nil && string(theirs) != body || err != nil && !listed(stricter, err.Error()) {
			t.Errorf("%q: %q, net/http: %q, %v", b, body, theirs, err)
		}
	})
}

// FuzzResponse: whatever passes for a field makes one line, and is read back.
func FuzzResponse(f *testing.F) {
	f.Add("X", "a", "OK")
	f.Add("X\r\nY", "a\r\nSet-Cookie: b", "OK\r\nX: y")
	f.Add("Set-Cookie", "\u00e9 \t", "")
	f.Fuzz(func(t *testing.T, name, value, reason string) {
		if !ValidName(name) || !ValidValue(value) || !ValidValue(reason) {
			return
		}
		switch http.CanonicalHeaderKey(name) {
		case "Connection", "Content-Length", "Transfer-Encoding", "Trailer", "Date", "Server", "Pragma": // which are not the application's
			return
		}
		r := Response{Method: "GET", Minor: 1, Status: 200, Reason: reason, Fields: []Field{{name, value}}, Length: 5}
		got, err := http.ReadResponse(bufio.NewReader(bytes.NewReader(append(r.Append(nil), "hello"...))), nil)
		if err != nil {
			t.Fatalf("%q: %v", r.Append(nil), err)
		}
		body, err := io.ReadAll(got.Body)
		if string(body) != "hello" || err != nil || len(got.Header) != 2 || got.Header[http.CanonicalHeaderKey(name)][0] != trim(value) {
			t.Errorf("%q: %v %q, %v", r.Append(nil), got.Header, body, err)
		}
	})
}
