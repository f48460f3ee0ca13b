package http1

import (
	"bytes"
	"strings"
	"testing"
)

// unchunk reads a body in pieces of size bytes. rest is what follows it.
func unchunk(t testing.TB, text string, size int) (body, rest string, done bool, e *Error) {
	t.Helper()
	var c Chunks
	buf := []byte(text)
	for at := 0; at < len(buf) && !c.Done(); {
		end := min(at+size, len(buf))
		data, n, err := c.Next(buf[at:end])
		if err != nil {
			return body, text[at+n:], false, err.(*Error)
		}
		if n == 0 || at+n > end || !bytes.HasSuffix(buf[at:at+n], data) {
			t.Fatalf("%q at %d: %d bytes used, data %q", text, at, n, data)
		}
		body += string(data)
		at += n
		rest = text[at:]
	}
	return body, rest, c.Done(), nil
}

func TestChunks(t *testing.T) {
	for text, want := range map[string]string{
		"0\r\n\r\n":                                            "",
		"000\r\n\r\n":                                          "",
		"5\r\nhello\r\n0\r\n\r\n":                              "hello",
		"0000000000000005\r\nhello\r\n0\r\n\r\n":               "hello",
		"b\r\nhello world\r\n0\r\n\r\n":                        "hello world",
		"B\r\nhello world\r\n0\r\n\r\n":                        "hello world",
		"1\r\na\r\n2\r\nbc\r\n00\r\n\r\n":                      "abc",
		"5\r\n\r\n0\r\n\r\n0\r\n\r\n":                          "\r\n0\r\n",
		"1;a\r\nx\r\n0;b=c\r\n\r\n":                            "x",
		"1;a=b;c=\"d;\\\"\\\\e\xe9\t \"\r\nx\r\n0\r\n\r\n":     "x",
		"1 \t; \ta \t= \tb \t; c=\"\" ;d\r\nx\r\n0 ;e\r\n\r\n": "x",
		"1;a=\"\\;\"\r\nx\r\n0\r\n\r\n":                        "x",
		"1;" + strings.Repeat("a", maxExtension-2) + "\r\nx\r\n1;" + strings.Repeat("a", maxExtension-2) + "\r\ny\r\n0\r\n\r\n": "xy",
		"0\r\nX: y\r\nLong-Name-That-Is-Not-Looked-At:\r\nIf: \r\nhosts: \xe9 \r\n\r\n":                                         "",
	} {
		for size := range len(text) + 5 {
			body, rest, done, e := unchunk(t, text+"GET", size+1)
			if e != nil || !done || body != want || rest != "GET" {
				t.Fatalf("%q by %d: %q, rest %q, done %v, %v", text, size+1, body, rest, done, e)
			}
		}
		for cut := range text {
			if body, _, done, e := unchunk(t, text[:cut], len(text)); done || e != nil || !strings.HasPrefix(want, body) {
				t.Errorf("%q: %q, done %v, %v", text[:cut], body, done, e)
			}
		}
	}
}

func TestBadChunks(t *testing.T) {
	for section, texts := range map[string][]string{
		"RFC 9112 §7.1": {
			"\r\n", "x\r\n", "-5\r\nhello\r\n", "+5\r\nhello\r\n", "0x5\r\nhello\r\n", " 5\r\nhello\r\n", "5_0\r\n", "5\nhello\r\n0\r\n\r\n", "5\r\rhello", "0;a\rb",
			"5\r\nhelloworld\r\n", "5\r\nhello\n0\r\n\r\n", "5\r\nhello\r0\r\n\r\n", "5\r\nhello0\r\n\r\n", "3\r\nhello\r\n", "5\r\nhell\r\n0\r\n\r\n", "5\x00\r\n",
			"ffffffffffffffff\r\n", "8000000000000000\r\n", "fffffffffffffffff\r\n", "00000000000000005\r\n", "10000000000000005\r\nhello", "5,5\r\n", ";a\r\n", "\"5\"\r\n",
		},
		"RFC 9112 §7.1.1": {
			"5 \r\nhello\r\n", "5\t\r\nhello\r\n", "5 5\r\n", "5;\r\n", "5;;a\r\n", "5; \r\n", "5;a \r\n", "5;a=\r\n", "5;a=b \r\n", "5;a=b=c\r\n", "5;a=\"b\r\n", "5;a=\"b\"c\r\n",
			"5;a=\"\\\r\n", "5;a\n", "5;a=\"\n\"\r\n", "5;a\x00\r\n", "5;\xe9\r\n", "5;a=\x7f\r\n", "5;=b\r\n", "5;a b\r\n", "5;a\\\r\n",
			"5;" + strings.Repeat("a", maxExtension-1) + "b\r\nhello", "5" + strings.Repeat(" ", maxExtension+2) + ";a\r\n", "5;a=\"\r\n\"\r\n",
		},
		"RFC 9112 §7.1.2": {
			"0\r\n\n", "0\r\n\r\r", "0\r\n: a\r\n\r\n", "0\r\n X: a\r\n\r\n", "0\r\nX\r\n\r\n", "0\r\nX : a\r\n\r\n", "0\r\nX: a\n\r\n", "0\r\nX: a\rb\r\n\r\n",
			"0\r\nX: a\r\n b\r\n\r\n", "0\r\nX: \x00\r\n\r\n", "0\r\nX(: a\r\n\r\n", "0\r\nX: a\r\nGET / HTTP/1.1\r\n\r\n",
		},
		"RFC 9110 §6.5.1": {
			"0\r\nHost: a\r\n\r\n", "0\r\ncontent-length: 5\r\n\r\n", "0\r\nTRANSFER-ENCODING: chunked\r\n\r\n", "0\r\nX: y\r\nAuthorization: a\r\n\r\n",
			"0\r\nProxy-Authorization: a\r\n\r\n", "0\r\nTrailer: a\r\n\r\n", "0\r\nIf-Match: a\r\n\r\n", "0\r\nCookie: a\r\n\r\n", "0\r\nContent-Type: a\r\n\r\n",
			"0\r\nConnection: close\r\n\r\n",
		},
		"": {"0\r\nX: " + strings.Repeat("x", maxTrailers), "0\r\n" + strings.Repeat("X: y\r\n", maxTrailers/6+1)},
	} {
		for _, text := range texts {
			for _, size := range []int{1, 2, 3, 7, len(text)} {
				_, _, done, e := unchunk(t, text, size)
				if e == nil || e.Section != section || strings.ContainsAny(e.Error(), "\r\n\x00") || (e.Status == 431) != (section == "") || done {
					t.Errorf("%.40q by %d: done %v, %v; want %s", text, size, done, e, section)
					break
				}
			}
		}
	}
}

// TestChunksPast: data may be had past the decoder.
func TestChunksPast(t *testing.T) {
	var c Chunks
	if c.Left() != 0 {
		t.Error("data is left before the first chunk")
	}
	if data, n, err := c.Next([]byte("5")); len(data) != 0 || n != 1 || err != nil || c.Left() != 0 {
		t.Errorf("%q, %d, %v; %d left in the middle of a size", data, n, err, c.Left())
	}
	if data, n, err := c.Next([]byte("\r\n")); len(data) != 0 || n != 2 || err != nil || c.Left() != 5 {
		t.Errorf("%q, %d, %v; %d left", data, n, err, c.Left())
	}
	c.Skip(3)
	if data, n, err := c.Next([]byte("lo\r\n0\r\n\r\n")); string(data) != "lo" || n != 2 || err != nil || c.Left() != 0 {
		t.Errorf("%q, %d, %v; %d left", data, n, err, c.Left())
	}
	if _, n, err := c.Next([]byte("\r\n3\r\n")); n != 5 || err != nil || c.Left() != 3 {
		t.Errorf("%d, %v; %d left", n, err, c.Left())
	}
	c.Skip(3)
	if _, n, err := c.Next([]byte("\r\n0\r\n\r\nGET")); n != 7 || err != nil || !c.Done() || c.Left() != 0 {
		t.Errorf("%d, %v; %d left", n, err, c.Left())
	}
	if _, n, err := c.Next([]byte("GET")); n != 0 || err != nil {
		t.Errorf("behind the end: %d, %v", n, err)
	}
}

// TestChunksBothWays: what is written is what is read.
func TestChunksBothWays(t *testing.T) {
	var b, want []byte
	for i := range 300 {
		part := bytes.Repeat([]byte{byte(i)}, i*i%1000)
		want = append(want, part...)
		b = AppendChunk(b, part)
	}
	b = AppendLastChunk(b, AppendFields(nil, []Field{{"X-Digest", "1"}, {"Y", ""}}))
	if body, rest, done, e := unchunk(t, string(b), 100); body != string(want) || rest != "" || !done || e != nil {
		t.Errorf("%d bytes of %d, rest %q, done %v, %v", len(body), len(want), rest, done, e)
	}
}

func BenchmarkChunks(b *testing.B) {
	var body []byte
	for range 16 {
		body = AppendChunk(body, make([]byte, 4096))
	}
	body = AppendLastChunk(body, nil)
	b.SetBytes(int64(len(body)))
	b.ReportAllocs()
	for b.Loop() {
		var c Chunks
		for at := 0; !c.Done(); {
			_, n, err := c.Next(body[at:])
			if err != nil {
				b.Fatal(err)
			}
			at += n
		}
	}
}
