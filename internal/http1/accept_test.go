package http1

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

// accepted are heads, and what is in them.
var accepted = []struct{ head, want string }{
	{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 host=a [Host=a] keep"},
	{"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 host=a [Host=a] keep"},
	{"GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0 host="},
	{"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", "GET / HTTP/1.0 host=a [Host=a] [Connection=keep-alive] keep"},
	{"GET / HTTP/1.7\r\nHost: a\r\n\r\n", "GET / HTTP/1.1 host=a [Host=a] keep"},
	{"M-SEARCH /a?b=%zz&c=|{}^` HTTP/1.1\r\nHost: a\r\n\r\n", "M-SEARCH /a?b=%zz&c=|{}^` HTTP/1.1 host=a [Host=a] keep"},
	{"GET //a/../%2f%2F\\;b HTTP/1.1\r\nHost: a\r\n\r\n", "GET //a/../%2f%2F\\;b HTTP/1.1 host=a [Host=a] keep"},
	{"GET /caf\xc3\xa9/\xe9\x80\xff?\xc3\xa9=%zz HTTP/1.1\r\nHost: a\r\n\r\n", "GET /caf%C3%A9/%E9%80%FF?%C3%A9=%zz HTTP/1.1 host=a [Host=a] keep"},
	{"GET http://b?\xe9 HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://b?%E9 HTTP/1.1 host=b [Host=a] keep"},
	// fields
	{"GET / HTTP/1.1\r\nhOST:a\r\nX:\r\nX: \t \r\nY:\t a \tb\t \r\n\r\n", "GET / HTTP/1.1 host=a [hOST=a] [X=] [X=] [Y=a \tb] keep"},
	{"GET / HTTP/1.1\r\nHost: a\r\n!#$%&'*+-.^_`|~: caf\xe9\x80\xff: b\r\n\r\n", "GET / HTTP/1.1 host=a [Host=a] [!#$%&'*+-.^_`|~=caf\xe9\x80\xff: b] keep"},
	{"GET / HTTP/1.1\r\nHost: a\r\nX: 1234567\t12345678\t123456789\r\n\r\n", "GET / HTTP/1.1 host=a [Host=a] [X=1234567\t12345678\t123456789] keep"},
	{
		"GET / HTTP/1.1\r\nHost: a\r\nFrom: b\r\nAccept: c\r\nReferer: d\r\nX-Length-X: close\r\nAccept-Charset: 5\r\nX-Transfer-Coding: chunked\r\n\r\n",
		"GET / HTTP/1.1 host=a [Host=a] [From=b] [Accept=c] [Referer=d] [X-Length-X=close] [Accept-Charset=5] [X-Transfer-Coding=chunked] keep",
	},
	// persistence
	{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET / HTTP/1.1 host=a [Host=a] [Connection=close]"},
	{"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive\r\nConnection: , x ,ClOsE,\r\n\r\n", "GET / HTTP/1.1 host=a [Host=a] [Connection=keep-alive] [Connection=, x ,ClOsE,]"},
	{"GET / HTTP/1.0\r\nConnection: close, keep-alive\r\n\r\n", "GET / HTTP/1.0 host= [Connection=close, keep-alive]"},
	{"GET / HTTP/1.1\r\nHost: a\r\nConnection: closed\r\n\r\n", "GET / HTTP/1.1 host=a [Host=a] [Connection=closed] keep"},
	// bodies
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n", "POST / HTTP/1.1 host=a [Host=a] [Content-Length=5] length=5 keep"},
	{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", "GET / HTTP/1.1 host=a [Host=a] [Content-Length=0] length=0 keep"},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0000000000000000000000005\r\n\r\n", "POST / HTTP/1.1 host=a [Host=a] [Content-Length=0000000000000000000000005] length=5 keep"},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9223372036854775807\r\n\r\n", "POST / HTTP/1.1 host=a [Host=a] [Content-Length=9223372036854775807] length=9223372036854775807 keep"},
	{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:  ChunKed \r\n\r\n", "POST / HTTP/1.1 host=a [Host=a] [Transfer-Encoding=ChunKed] length=-1 keep"},
	{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-Continue\r\n\r\n", "POST / HTTP/1.1 host=a [Host=a] [Content-Length=5] [Expect=100-Continue] length=5 keep 100"},
	{"POST / HTTP/1.0\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n", "POST / HTTP/1.0 host= [Content-Length=5] [Expect=100-continue] length=5"},
	{"POST / HTTP/1.0\r\nExpect: miracles\r\n\r\n", "POST / HTTP/1.0 host= [Expect=miracles]"},
	// upgrade
	{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nReferer: b\r\nConnection: keep-alive, Upgrade\r\n\r\n", "GET / HTTP/1.1 host=a [Host=a] [Upgrade=websocket] [Referer=b] [Connection=keep-alive, Upgrade] keep upgrade=websocket"},
	{"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\n\r\n", "GET / HTTP/1.1 host=a [Host=a] [Upgrade=websocket] keep"},
	{"GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n", "GET / HTTP/1.0 host= [Upgrade=websocket] [Connection=Upgrade]"},
	// forms of the target
	{"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS * HTTP/1.1 host=a [Host=a] keep"},
	{"GET http://b:81/a?c HTTP/1.1\r\nHost: a\r\n\r\n", "GET http://b:81/a?c HTTP/1.1 host=b:81 [Host=a] keep"},
	{"GET HTTPS://[::1] HTTP/1.1\r\nHost: a\r\n\r\n", "GET HTTPS://[::1] HTTP/1.1 host=[::1] [Host=a] keep"},
	{"GET http://b?c HTTP/1.0\r\n\r\n", "GET http://b?c HTTP/1.0 host=b"},
	{"CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\n", "CONNECT b:443 HTTP/1.1 host=b:443 [Host=b:443] keep"},
}

func TestAccepted(t *testing.T) {
	for _, c := range accepted {
		h, n, e := read(t, c.head+"GET", Limits{})
		if e != nil || n != len(c.head) {
			t.Errorf("%q: %d bytes, %v", c.head, n, e)
		} else if got := describe(h); got != c.want {
			t.Errorf("%q:\n got %s\nwant %s", c.head, got, c.want)
		}
	}
}

// line and field make a head with one thing of interest.
func line(s string) string  { return s + "\r\nHost: a\r\n\r\n" }
func field(s string) string { return "POST / HTTP/1.1\r\nHost: a\r\n" + s + "\r\n\r\n" }

// refused are heads by status and section.
var refused = []struct {
	status  int
	section string
	heads   []string
}{
	{400, "RFC 9112 §2.2", []string{
		"\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", field("A: b\rc"), field("A: b\r"), field("A: b\nB: c"), field("\rA: b"),
	}},
	{400, "RFC 9112 §3", []string{
		line("GET /"), line("GET  / HTTP/1.1"), "\nGET / HTTP/1.1\r\n\r\n", "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", "\x16\x03\x01\x02\x00",
		"\x00", "\xff", line("GET\t/ HTTP/1.1"), "GET\r\n", "GET\n",
	}},
	{400, "RFC 9112 §3.1", []string{
		line("get / HTTP/1.1"), line(" GET / HTTP/1.1"), line("G#T / HTTP/1.1"), line("GE(T / HTTP/1.1"), line("GO / HTTP/1.1"), line("ABCDEFGHIJKLMNOPQRSTU / HTTP/1.1"),
		"{}", "ABCDEFGHIJKLMNOPQRSTU", line(`"GET" / HTTP/1.1`),
	}},
	{400, "RFC 9112 §3.2", []string{
		line("GET a/b HTTP/1.1"), line("GET http:/a HTTP/1.1"), line("GET http:///a HTTP/1.1"), line("GET http:// HTTP/1.1"),
		line("GET ftp://a/ HTTP/1.1"), line("GET http://u:p@a/ HTTP/1.1"), line("GET http://a:x/ HTTP/1.1"), line("GET http://:80/ HTTP/1.1"),
		line("GET * HTTP/1.1"), line("OPTIONS *a HTTP/1.1"), line("GET a:443 HTTP/1.1"), line("CONNECT /a HTTP/1.1"), line("CONNECT a HTTP/1.1"),
		line("CONNECT :443 HTTP/1.1"), line("CONNECT http://a/ HTTP/1.1"), line("PRI * HTTP/2.0"), line("GET /a#b HTTP/1.1"),
		line("GET /\x00 HTTP/1.1"), line("GET /\x7f HTTP/1.1"), line("GET /\xc3\xa9\x7f HTTP/1.1"), line("GET http://h\xe9/ HTTP/1.1"), line("GET \xe9 HTTP/1.1"), line("GET \xe9://a/ HTTP/1.1"), line("CONNECT \xe9:1 HTTP/1.1"), line("GET /\xe9#a HTTP/1.1"), line("GET /\ta HTTP/1.1"),
		"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", "GET / HTTP/1.0\r\nHost: a\r\nhost: b\r\n\r\n",
		"GET http://a/ HTTP/1.1\r\n\r\n", "GET http://a/ HTTP/1.1\r\nHost: /\r\n\r\n",
	}},
	{400, "RFC 9112 §2.3", []string{
		line("GET / http/1.1"), line("GET / HTTP/1.1 "), line("GET / HTTP/1.10"), line("GET / HTTP/1,1"), line("GET / HTTP/11"), line("GET / HTTP/1"),
		line("GET / "), line("GET /a b HTTP/1.1"), line("GET / HTTP /1.1"), line("GET / HTTP/1.1\r"), "GET / HTTP/1.1\nHost: a\n\n",
		line("GET / HTTP/ 1.1"), line("GET / HTTP/-1.1"), line("GET / HTTPS/1.1"), line("GET / HTTP/1.a"),
	}},
	{505, "RFC 9110 §15.6.6", []string{line("GET / HTTP/2.0"), line("GET / HTTP/0.9"), line("GET / HTTP/3.9")}},
	{400, "RFC 3986 §2.1", []string{
		line("GET /%zz HTTP/1.1"), line("GET /% HTTP/1.1"), line("GET /%4 HTTP/1.1"), line("GET /%4?%41 HTTP/1.1"), line("GET /%%34%31 HTTP/1.1"),
		line("GET http://a/%u1234 HTTP/1.1"),
	}},
	{400, "RFC 9112 §5", []string{field("nothing"), field("nothing\n")}},
	{400, "RFC 9112 §5.1", []string{field("A : b"), field("A\t: b"), field("A b: c"), field("Content-Length : 5")}},
	{400, "RFC 9112 §5.2", []string{field(" A: b"), field("A: b\r\n c"), field("A: b\r\n\tc"), field("A: b\r\n "), "GET / HTTP/1.1\r\n Host: a\r\n\r\n"}},
	{400, "RFC 9110 §5.1", []string{field(": a"), field("A(: b"), field("A\x00: b"), field("\xe9: b"), field("A\x7f: b"), field("\"A\": b"), field("@: b")}},
	{400, "RFC 9110 §5.5", []string{field("A: b\x00c"), field("A: \x0bb"), field("A: b\x7f"), field("A:\x01"), field("Transfer-Encoding:\x0bchunked"), field("A: 1234567\x1f")}},
	{400, "RFC 9110 §8.6", []string{
		field("Content-Length:"), field("Content-Length: -1"), field("Content-Length: +1"), field("Content-Length: 1a"), field("Content-Length: 0x5"),
		field("Content-Length: 5, 5"), field("Content-Length: 5,"), field("Content-Length: 5 5"), field("Content-Length: 5.0"), field("Content-Length: 1_0"),
		field("Content-Length: \xb2"), field("Content-Length: \"5\""),
	}},
	{413, "RFC 9110 §8.6", []string{field("Content-Length: 9223372036854775808"), field("Content-Length: 18446744073709551621"), field("Content-Length: " + strings.Repeat("9", 90))}},
	{400, "RFC 9112 §6.3", []string{
		field("Content-Length: 5\r\ncontent-length: 5"), field("Content-Length: 5\r\nContent-Length: 6"),
		field("Transfer-Encoding: chunked, chunked"), field("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"), field("Transfer-Encoding: chunked, gzip"),
		field("Transfer-Encoding:"), field("Transfer-Encoding: ,"), field("Transfer-Encoding: chunked,"), field("Transfer-Encoding: ,chunked"),
		field("Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"), field("Transfer-Encoding: chunked\r\nTransfer-Encoding:"),
	}},
	{400, "RFC 9112 §6.1", []string{
		field("Transfer-Encoding: chunked\r\nContent-Length: 5"), field("Content-Length: 0\r\ntransfer-encoding: chunked"), field("Transfer-Encoding: x\r\nContent-Length: 5"),
		"POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n", "POST / HTTP/1.0\r\nTransfer-Encoding: identity\r\n\r\n",
	}},
	{501, "RFC 9112 §6.1", []string{
		field("Transfer-Encoding: gzip, chunked"), field("Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked"), field("Transfer-Encoding: identity"),
		field("Transfer-Encoding: xchunked"), field("Transfer-Encoding: chunked;a=b"), field("Transfer-Encoding: \"chunked\""), field("Transfer-Encoding: chunked x"),
		field("Transfer-Encoding: chun ked"),
	}},
	{417, "RFC 9110 §10.1.1", []string{field("Expect: miracles"), field("Expect:"), field("Expect: 100-continue, x"), field("Expect: 100-continue\r\nExpect: x")}},
}

func TestRefused(t *testing.T) {
	for _, group := range refused {
		for _, head := range group.heads {
			_, n, e := read(t, head, Limits{})
			if e == nil {
				t.Errorf("%q: %d bytes are taken", head, n)
			} else if e.Status != group.status || e.Section != group.section {
				t.Errorf("%q: %d, %s; want %d, %s", head, e.Status, e, group.status, group.section)
			}
		}
	}
}

// TestDocumented: every refusal is a line of docs/http.md.
func TestDocumented(t *testing.T) {
	page, err := os.ReadFile("../../docs/http.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, group := range refused {
		if row := fmt.Sprintf(" | %d | %s |", group.status, group.section); !strings.Contains(string(page), row) {
			t.Errorf("docs/http.md has no line that ends with %q, for %q", row, group.heads[0])
		}
	}
}

func TestHost(t *testing.T) {
	good := []string{"a", "A.b-c_d~", "127.0.0.1", "a:80", "a:", "a:65535", "[::1]", "[::1]:80", "[::ffff:1.2.3.4]", "a%20b", "!$&'()*+,;=", "..", "xn--a"}
	bad := []string{
		"", ":80", "a:x", "a:65536", "a:99999999999999999999", "a b", "a/b", "a?b", "a#b", "a@b", "u:p@a", "a,b c", "::1", "[::1", "::1]", "[::1]a", "[::1]80", "[a]",
		"[1.2.3.4]", "[::1%25eth0]", "[::1%eth0]", "[v1.a]", "[]", "a%", "a%4", "a%zz", "a\\b", "a\"b", "<a>", "caf\xe9", "a:80:80", "a:-1", "a:+1", "a: 80", "a\tb", "[", "]", "%",
	}
	for _, host := range slices.Concat(good, bad) {
		_, _, e := read(t, "GET / HTTP/1.1\r\nHost: "+host+"\r\n\r\n", Limits{})
		if want := slices.Contains(good, host); (e == nil) != want || e != nil && e.Section != "RFC 9112 §3.2" {
			t.Errorf("Host %q: %v", host, e)
		}
		if host == "" || strings.ContainsAny(host, " \t/?#") || !utf8.ValidString(host) {
			continue
		}
		_, _, e = read(t, "GET http://"+host+"/ HTTP/1.1\r\nHost: a\r\n\r\n", Limits{})
		if want := slices.Contains(good, host); (e == nil) != want {
			t.Errorf("http://%s/: %v", host, e)
		}
	}
}

func TestLimits(t *testing.T) {
	limits := Limits{Line: 20, Fields: 3, Field: 12, Total: 54}
	for _, c := range []struct {
		head   string
		status int // 0: within
		why    string
	}{
		{"GET /23456 HTTP/1.1\r\nHost: a\r\n\r\n", 0, ""},
		{"GET /234567 HTTP/1.1\r\nHost: a\r\n\r\n", 0, ""},
		{"GET /2345678 HTTP/1.1\r\nHost: a\r\n\r\n", 414, "the request line has 21 bytes, the limit is 20"},
		{"GET /2345678901234567890123", 414, "the request line has more than 20 bytes, the limit"},
		{"GET / HTTP/1.1\r\nHost: 3456\r\n\r\n", 0, ""},
		{"GET / HTTP/1.1\r\nHost: 34567\r\n\r\n", 431, "a header field has 13 bytes, the limit is 12"},
		{"GET / HTTP/1.1\r\nHost:   567\r\n\r\n", 431, "a header field has 13 bytes, the limit is 12"},
		{"GET / HTTP/1.1\r\nHost: 34567", 0, ""},
		{"GET / HTTP/1.1\r\nHost: 345678", 0, ""},
		{"GET / HTTP/1.1\r\nHost: 3456789", 431, "a header field has more than 12 bytes, the limit"},
		{"GET / HTTP/1.1\r\nHost: a\r\nA:\r\nA:\r\n\r\n", 0, ""},
		{"GET / HTTP/1.1\r\nHost: a\r\nA:\r\nA:\r\nA:\r\n\r\n", 431, "the request has at least 4 header fields, the limit is 3"},
		{"GET /234567 HTTP/1.1\r\nHost: 3456\r\nA: 4567890\r\nA: 4567890\r\n\r\n", 431, "the request's head has more than 54 bytes, the limit"},
		{"GET / HTTP/1.1\r\nHost: 3456\r\nA: 4567890\r\nA: 4567890\r\nB: 4567", 431, "the request's head has more than 54 bytes, the limit"},
	} {
		if _, _, e := read(t, c.head, limits); c.status == 0 && e != nil || c.status != 0 && (e == nil || e.Status != c.status || e.Why != c.why || e.Error() != c.why) {
			t.Errorf("%q: %v", c.head, e)
		}
	}
	if _, _, e := read(t, "GET /"+strings.Repeat("x", defaultTotal), Limits{}); e == nil || e.Status != 414 {
		t.Errorf("without limits: %v", e)
	}
	if _, _, e := read(t, "GET / HTTP/1.1\r\nHost: a\r\nX: "+strings.Repeat("x", defaultTotal), Limits{}); e == nil || e.Status != 431 {
		t.Errorf("without limits: %v", e)
	}
}

// TestTrickle: however a head is cut, the same comes of it, also when the buffer moves.
func TestTrickle(t *testing.T) {
	var heads []string
	for _, c := range accepted {
		heads = append(heads, c.head)
	}
	for _, group := range refused {
		for _, head := range group.heads { // what is refused at once may be refused at the end of its line only
			heads = append(heads, head+"\r\n\r\n")
		}
	}
	for _, head := range append(heads, browser, wrk) {
		want, size, refusal := read(t, head, Limits{})
		for _, moves := range []bool{false, true} {
			for _, step := range []int{1, 2, 3, 7} {
				trickle(t, head, step, moves, want, size, refusal)
			}
		}
		for cut := range len(head) {
			p, h, buf := Parser{}, &Head{}, []byte(head)
			if n, err := p.Parse(h, buf[:cut]); n != 0 && n != size || err != nil && refusal == nil {
				t.Fatalf("%q after %d: %d, %v", head, cut, n, err)
			} else if err != nil {
				continue
			}
			n, err := p.Parse(h, buf)
			same(t, head, h, want, n, size, err, refusal)
		}
	}
}

// TestTrickleLinear: a head that comes byte by byte is not read anew with each.
func TestTrickleLinear(t *testing.T) {
	const size = 1 << 20
	line := "X: " + strings.Repeat("x", 60) + "\r\n"
	for name, head := range map[string]string{
		"a field": "GET / HTTP/1.1\r\nX: " + strings.Repeat("x", size),
		"fields":  "GET / HTTP/1.1\r\n" + strings.Repeat(line, size/len(line)),
		"a line":  "GET /" + strings.Repeat("x", size),
	} {
		p, h, buf, began := Parser{Limits: Limits{Total: 2 * size}}, &Head{}, []byte(head), time.Now()
		for end := range buf {
			if n, err := p.Parse(h, buf[:end]); n != 0 || err != nil {
				t.Fatalf("%s: %d, %v after %d bytes", name, n, err, end)
			}
			if end%1000 == 0 && time.Since(began) > 20*time.Second {
				t.Fatalf("%s: %d bytes took %v", name, end, time.Since(began))
			}
		}
	}
}

func trickle(t *testing.T, head string, step int, moves bool, want *Head, size int, refusal *Error) {
	t.Helper()
	p, h, buf := Parser{}, &Head{}, []byte(head)
	for end := 0; ; end = min(end+step, len(head)) {
		b := buf[:end]
		if moves {
			b = slices.Clone(b)
		}
		n, err := p.Parse(h, b)
		if n == 0 && err == nil && end < len(head) {
			continue
		}
		same(t, head, h, want, n, size, err, refusal)
		return
	}
}

func same(t *testing.T, head string, h, want *Head, n, size int, err error, refusal *Error) {
	t.Helper()
	if n != size || (err != nil) != (refusal != nil) || err == nil && describe(h) != describe(want) {
		t.Errorf("%q: %d, %v: %s\nwant %d, %v: %s", head, n, err, describe(h), size, refusal, describe(want))
	}
	if refusal != nil && err.(*Error).Status != refusal.Status {
		t.Errorf("%q: %v, at once: %v", head, err, refusal)
	}
}

func TestAnyMethod(t *testing.T) {
	for _, method := range []string{"get", "X", "g#t", strings.Repeat("X", 200)} {
		if h, _, e := read(t, line(method+" / HTTP/1.1"), Limits{AnyMethod: true}); e != nil || h.Method != method {
			t.Errorf("%s is read as %s: %v", method, h.Method, e)
		}
	}
	for _, method := range []string{"", "G(T", "G\x00T", "\"GET\""} {
		if _, _, e := read(t, line(method+" / HTTP/1.1"), Limits{AnyMethod: true}); e == nil {
			t.Errorf("%q is taken", method)
		}
	}
}
