package test

import (
	"encoding/binary"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/test/testkit"
)

// frame is one of a client's, masked, byte for byte.
func frame(first byte, payload string) string {
	b := []byte{first, 0x80 | byte(min(len(payload), 126))}
	switch size := len(payload); {
	case size > 0xffff:
		b[1]++
		b = binary.BigEndian.AppendUint64(b, uint64(size))
	case size > 125:
		b = binary.BigEndian.AppendUint16(b, uint16(size))
	}
	b = append(b, 1, 2, 3, 4)
	for i := range len(payload) {
		b = append(b, payload[i]^byte(i%4+1))
	}
	return string(b)
}

func closeFrame(code int, reason string) string {
	return frame(0x88, string(binary.BigEndian.AppendUint16(nil, uint16(code)))+reason)
}

// violations are what RFC 6455 forbids a client, with the close code that it gets.
func violations() map[string]struct {
	bytes string
	code  int
} {
	type vector = struct {
		bytes string
		code  int
	}
	all := map[string]vector{
		"RSV1 without an extension":  {frame(0xc1, "x"), 1002},
		"RSV2":                       {frame(0xa1, "x"), 1002},
		"RSV3":                       {frame(0x91, "x"), 1002},
		"RSV1 of a ping":             {frame(0xc9, "x"), 1002},
		"a ping in fragments":        {frame(0x09, "x"), 1002},
		"a long ping":                {frame(0x89, strings.Repeat("x", 126)), 1002},
		"no mask":                    {"\x81\x01x", 1002},
		"a new text among fragments": {frame(0x01, "x") + frame(0x81, "y"), 1002},
		"a continuation of nothing":  {frame(0x80, "x"), 1002},
		"a close of one byte":        {frame(0x88, "\x03"), 1002},
		"a reason that is not UTF-8": {closeFrame(1000, "\xff"), 1007},
		"fragments that are no text": {frame(0x01, "\xce\xba") + frame(0x00, "\xed\xa0") + frame(0x80, "\x80"), 1007},
		"half a character":           {frame(0x81, "\xce"), 1007},
		"too long":                   {"\x82\xff\x00\x00\x00\x00\x01\x00\x00\x01\x00\x00\x00\x00", 1009},
		"126 for two bytes":          {"\x82\xfe\x00\x02\x00\x00\x00\x00hi", 1002},
		"127 for two bytes":          {"\x82\xff\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00hi", 1002},
		"a length with a high bit":   {"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00", 1002},
	}
	for _, op := range []byte{3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf} {
		all["the opcode "+strconv.Itoa(int(op))] = vector{frame(0x80|op, ""), 1002}
	}
	for _, code := range []int{0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 65535} {
		all["the close code "+strconv.Itoa(code)] = vector{closeFrame(code, ""), 1002}
	}
	return all
}

// TestWebSocketVectors holds the server to RFC 6455, frame by frame: what clients may do, and what they may not.
func TestWebSocketVectors(t *testing.T) {
	t.Parallel()
	s := testkit.Start(t, options{App: "wspage:app", Args: args("--ws-ping-interval 0")})
	fields := "Sec-WebSocket-Protocol: chat\r\n"
	for name, v := range violations() {
		t.Run(name, func(t *testing.T) {
			r, _ := openRaw(t, s, "/socket", fields)
			r.Send("%s", v.bytes+frame(0x81, "behind it"))
			r.wantClosed(v.code)
			r.wantEnd(t)
		})
	}
	for _, code := range []int{1000, 1001, 1003, 1007, 1011, 1012, 1014, 3000, 4999} {
		r, _ := openRaw(t, s, "/socket", fields)
		r.Send("%s", closeFrame(code, "na\u00efve"))
		r.wantClosed(code)
		r.wantEnd(t)
		s.Trace.Wait(t, 1, "closed", strconv.Itoa(code))
	}
	r, _ := openRaw(t, s, "/socket", fields)
	all := frame(0x8a, "nobody asked") + frame(0x01, "na\xc3") + frame(0x89, "") + frame(0x00, "") +
		frame(0x89, strings.Repeat("p", 125)) + frame(0x80, "\xafve") + frame(0x82, "\xff")
	for i := range len(all) {
		r.Send("%s", all[i:i+1])
	}
	for _, want := range []struct {
		first   byte
		payload string
	}{{0x8a, ""}, {0x8a, strings.Repeat("p", 125)}, {0x81, "na\u00efve"}, {0x82, "\xff"}} {
		if first, payload := r.hear(); first != want.first || payload != want.payload {
			t.Errorf("the frame %#x %q, want %#x %q", first, payload, want.first, want.payload)
		}
	}
	r.Send("%s", frame(0x88, ""))
	if first, payload := r.hear(); first != 0x88 || payload != "" {
		t.Errorf("a close without a code is answered with %#x %q", first, payload)
	}
	r.wantEnd(t)
	r, _ = openRaw(t, s, "/socket", fields)
	r.Close()
	s.Trace.Wait(t, 1, "closed", "1006")
}

// wantEnd wants the connection to end with nothing more, and not by a reset.
func (r *rawSocket) wantEnd(t *testing.T) {
	t.Helper()
	_ = r.SetReadDeadline(time.Now().Add(2 * testkit.Patience))
	if rest, err := io.ReadAll(r.in); err != nil || len(rest) > 0 {
		t.Errorf("behind the end: %q, %v", rest, err)
	}
}
