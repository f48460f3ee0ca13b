package websocket

import (
	"encoding/binary"
	"strconv"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// raw is a frame of a client's, byte for byte: the first byte, and the payload, masked.
func raw(first byte, payload string) []byte {
	b := []byte{first, 0x80 | byte(len(payload)), 1, 2, 3, 4}
	if len(payload) > 125 {
		b = append([]byte{first, 0x80 | 126}, binary.BigEndian.AppendUint16(nil, uint16(len(payload)))...)
		b = append(b, 1, 2, 3, 4)
	}
	for i := range len(payload) {
		b = append(b, payload[i]^byte(i%4+1))
	}
	return b
}

// closeBody is the payload of a Close frame.
func closeBody(code int, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason
}

// TestStrict holds the relay to RFC 6455 where clients break it: each kind of mistake has its close code.
func TestStrict(t *testing.T) {
	const text, binaryFrame, more, closing, ping, pong = 0x81, 0x82, 0x00, 0x88, 0x89, 0x8a
	cases := map[string]struct {
		bytes [][]byte
		code  ws.StatusCode
	}{
		"RSV1 without an extension":  {[][]byte{raw(text|0x40, "x")}, 1002},
		"RSV2":                       {[][]byte{raw(text|0x20, "x")}, 1002},
		"RSV3":                       {[][]byte{raw(text|0x10, "x")}, 1002},
		"RSV1 of a ping":             {[][]byte{raw(ping|0x40, "x")}, 1002},
		"a ping in fragments":        {[][]byte{raw(0x09, "x")}, 1002},
		"a long ping":                {[][]byte{raw(ping, strings.Repeat("x", 126))}, 1002},
		"a long close":               {[][]byte{raw(closing, closeBody(1000, strings.Repeat("x", 124)))}, 1002},
		"a new text among fragments": {[][]byte{raw(0x01, "x"), raw(text, "y")}, 1002},
		"a continuation of nothing":  {[][]byte{raw(0x80, "x")}, 1002},
		"after the last fragment":    {[][]byte{raw(0x01, "x"), raw(0x80, "y"), raw(0x80, "z")}, 1002},
		"a close of one byte":        {[][]byte{raw(closing, "\x03")}, 1002},
		"a reason that is not UTF-8": {[][]byte{raw(closing, closeBody(1000, "\xff"))}, 1007},
		"fragments that are no text": {[][]byte{raw(0x01, "\xce\xba"), raw(more, "\xed\xa0"), raw(0x80, "\x80")}, 1007},
		"half a character":           {[][]byte{raw(text, "\xce")}, 1007},
		"126 for no byte":            {[][]byte{{binaryFrame, 0xfe, 0, 0, 1, 2, 3, 4}}, 1002},
		"127 for 65535 bytes":        {[][]byte{{binaryFrame, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4}}, 1002},
		"a length with the high bit": {[][]byte{{binaryFrame, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 0}}, 1002},
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		cases["the opcode "+string("0123456789abcdef"[op])] = struct {
			bytes [][]byte
			code  ws.StatusCode
		}{[][]byte{raw(0x80|op, "")}, 1002}
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535} {
		cases["the close code "+strconv.Itoa(code)] = struct {
			bytes [][]byte
			code  ws.StatusCode
		}{[][]byte{raw(closing, closeBody(code, "")), raw(pong, "")}, 1002}
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := newRig(t, nil)
			for _, b := range c.bytes {
				if _, err := g.client.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			g.wantClosed(c.code)
			g.client.Close()
			g.wantOver()
		})
	}
}

// TestGoodCloses wants every close code that a client may send answered with the same, and with the application.
func TestGoodCloses(t *testing.T) {
	for _, code := range []int{1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999} {
		g := newRig(t, nil)
		if _, err := g.client.Write(raw(0x88, closeBody(code, "na\u00efve"))); err != nil {
			t.Fatal(err)
		}
		if kind, body := g.message(); kind != kindClose || body != closeBody(code, "na\u00efve") {
			t.Errorf("%d: the worker gets %d %q", code, kind, body)
		}
		g.wantClosed(ws.StatusCode(code))
		g.wantOver()
	}
	g := newRig(t, nil)
	if _, err := g.client.Write(raw(0x88, "")); err != nil {
		t.Fatal(err)
	}
	if f := g.frame(); f.Header.OpCode != ws.OpClose || len(f.Payload) != 0 {
		t.Errorf("a close without a code is answered with %+v %q", f.Header, f.Payload)
	}
	g.wantOver()
}

// TestControls wants control frames answered between the fragments of a message, a byte at a time, and pongs that nobody asked for taken.
func TestControls(t *testing.T) {
	g := newRig(t, nil)
	var all []byte
	for _, b := range [][]byte{
		raw(0x8a, "nobody asked"), raw(0x01, "na\xc3"), raw(0x89, ""), raw(0x00, ""), raw(0x89, strings.Repeat("p", 125)), raw(0x80, "\xafve"),
	} {
		all = append(all, b...)
	}
	for i := range all {
		if _, err := g.client.Write(all[i : i+1]); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"", strings.Repeat("p", 125)} {
		if f := g.frame(); f.Header.OpCode != ws.OpPong || string(f.Payload) != want {
			t.Errorf("the client gets %+v", f)
		}
	}
	if kind, body := g.message(); kind != kindText || body != "na\u00efve" {
		t.Errorf("the worker gets %d %q", kind, body)
	}
}
