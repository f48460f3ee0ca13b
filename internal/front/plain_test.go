package front

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"
)

var plainHeads = []string{
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"HEAD /a/b?c=d%20e HTTP/1.1\r\nhost: a.example:8000\r\nUser-Agent: curl/8\r\nAccept: */*\r\n\r\n",
	"POST /form HTTP/1.1\r\nHost: [::1]:80\r\nContent-Length: 12\r\nContent-Type: text/plain\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: Close\r\nX-Empty:\r\nX-Tab: a\tb\r\nCookie: a=b\r\nCookie: c=d\r\n\r\n",
	"DELETE /1 HTTP/1.1\r\nHost: a\r\nX-Latin: caf\xe9\r\n\r\n",
}

// oddHeads are for net/http, whatever it says to them.
var oddHeads = []string{
	"GET / HTTP/1.0\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: \r\n\r\n",
	"get / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /#f HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
	"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
	"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost : a\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: a\x00b\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\nContent-Length: 3\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length:\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n",
	"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: a\r\nConnection: close, x\r\n\r\n",
}

func TestPlain(t *testing.T) {
	for _, head := range plainHeads {
		if v := hopeful([]byte(head[:len(head)-2])); v != partial {
			t.Errorf("%q: the beginning is judged %d", head, v)
		}
		checkPlain(t, head)
		var x Exchange
		if _, ok := parsePlain(&x, []byte(head)); !ok {
			t.Errorf("%q is not plain", head)
		}
	}
	for _, head := range oddHeads {
		var x Exchange
		if _, ok := parsePlain(&x, []byte(head)); ok {
			t.Errorf("%q is plain", head)
		}
	}
}

// checkPlain holds what the quick path accepts against net/http's reading of the same bytes.
func checkPlain(t *testing.T, head string) {
	var x Exchange
	length, ok := parsePlain(&x, []byte(head))
	if !ok {
		return
	}
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if err != nil {
		t.Fatalf("%q is plain, and net/http says: %v", head, err)
	}
	if r.Method != x.Method || r.RequestURI != x.Target || r.Proto != x.Proto || r.Host != x.Host {
		t.Errorf("%q: %s %s %s of %s, net/http: %s %s %s of %s", head, x.Method, x.Target, x.Proto, x.Host, r.Method, r.RequestURI, r.Proto, r.Host)
	}
	if r.ContentLength != int64(length) || len(r.TransferEncoding) > 0 {
		t.Errorf("%q: length %d, net/http: %d %v", head, length, r.ContentLength, r.TransferEncoding)
	}
	for name, values := range r.Header {
		separator := ","
		if name == "Cookie" {
			separator = "; "
		}
		if got := x.Field(name); got != strings.Join(values, separator) {
			t.Errorf("%q: %s: %q, net/http: %q", head, name, got, values)
		}
	}
	if n := len(r.Header); n > len(x.Fields) {
		t.Errorf("%q: %d fields, net/http: %d", head, len(x.Fields), n)
	}
}

// FuzzPlain: net/http is the second opinion on whatever the quick path takes.
func FuzzPlain(f *testing.F) {
	for _, head := range append(plainHeads, oddHeads...) {
		f.Add([]byte(head))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_ = hopeful(b)
		if i := bytes.Index(b, []byte("\r\n\r\n")); i >= 0 {
			checkPlain(t, string(b[:i+4]))
		}
	})
}
