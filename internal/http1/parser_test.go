package http1

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// read parses a whole head.
func read(t testing.TB, text string, limits Limits) (*Head, int, *Error) {
	t.Helper()
	p, h := Parser{Limits: limits}, &Head{}
	n, err := p.Parse(h, []byte(text))
	if err == nil {
		return h, n, nil
	}
	var e *Error
	if !errors.As(err, &e) || n != 0 || e.Status < 400 || e.Why == "" || strings.ContainsAny(e.Error(), "\r\n\x00") {
		t.Errorf("%q: %d, %#v", text, n, err)
	}
	return h, 0, e
}

// describe says in a line what is in a head.
func describe(h *Head) string {
	text := fmt.Sprintf("%s %s %s host=%s", h.Method, h.Target, h.Proto(), h.Host)
	for _, f := range h.Fields {
		text += fmt.Sprintf(" [%s=%s]", f.Name, f.Value)
	}
	if h.Length != 0 || h.HasLength {
		text += fmt.Sprintf(" length=%d", h.Length)
	}
	if h.KeepAlive {
		text += " keep"
	}
	if h.Expect100 {
		text += " 100"
	}
	if h.Upgrade != "" {
		text += " upgrade=" + h.Upgrade
	}
	return text
}

// browser is a request as browsers send it.
const browser = "GET /a/path%20here?with=a&query=b HTTP/1.1\r\n" +
	"Host: www.example.org:8000\r\n" +
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0\r\n" +
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n" +
	"Accept-Language: en\r\nAccept-Encoding: gzip, deflate, br\r\nConnection: keep-alive\r\n" +
	"Cookie: session=0123456789abcdef; other=0123456789\r\n" +
	"Upgrade-Insecure-Requests: 1\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n\r\n"

// wrk is the shortest that anybody sends.
const wrk = "GET / HTTP/1.1\r\nHost: 127.0.0.1:8000\r\n\r\n"

func BenchmarkParse(b *testing.B) {
	for name, text := range map[string]string{"browser": browser, "wrk": wrk} {
		b.Run(name, func(b *testing.B) {
			var p Parser
			var h Head
			buf := []byte(text)
			b.ReportAllocs()
			for b.Loop() {
				if n, err := p.Parse(&h, buf); n != len(buf) {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// naive reads a head as one would write it first: it checks less, and copies everything.
func naive(b []byte) (h Head, n int) {
	text, _, _ := strings.Cut(string(b), "\r\n\r\n")
	lines := strings.Split(text, "\r\n")
	parts := strings.Split(lines[0], " ")
	h.Method, h.Target = parts[0], parts[1]
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		h.Fields = append(h.Fields, Field{name, value})
		switch strings.ToLower(name) {
		case "host":
			h.Host = value
		case "connection":
			h.KeepAlive = strings.ToLower(value) != "close"
		}
	}
	return h, len(text) + 4
}

// BenchmarkOthers is what Parse is held against: the naive way, and net/http's.
func BenchmarkOthers(b *testing.B) {
	for name, text := range map[string]string{"browser": browser, "wrk": wrk} {
		buf := []byte(text)
		b.Run(name+"/naive", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if h, n := naive(buf); n != len(buf) || h.Host == "" {
					b.Fatal(n)
				}
			}
		})
		b.Run(name+"/net", func(b *testing.B) {
			b.ReportAllocs()
			in := bytes.NewReader(buf)
			r := bufio.NewReader(in)
			for b.Loop() {
				in.Reset(buf)
				r.Reset(in)
				if _, err := http.ReadRequest(r); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestAllocations: a head costs no memory once there is room for its fields.
func TestAllocations(t *testing.T) {
	for _, text := range []string{browser, wrk, "POST / HTTP/1.1\r\nHost: [::1]:80\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"} {
		var p Parser
		var h Head
		buf := []byte(text)
		if n := testing.AllocsPerRun(100, func() {
			if n, err := p.Parse(&h, buf); n != len(buf) {
				t.Fatal(n, err)
			}
		}); n > 0 {
			t.Errorf("%.20q: %v allocations", text, n)
		}
	}
}
