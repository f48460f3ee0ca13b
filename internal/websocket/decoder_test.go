package websocket

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

const decoderMax = 1000

// decode feeds a decoder pieces, and gives what it makes of them as text: each message, and the close code of the error.
func decode(t *testing.T, deflate bool, pieces ...[]byte) (all []string) {
	t.Helper()
	d := (&Handshake{deflate: deflate}).NewDecoder(decoderMax)
	for _, piece := range pieces {
		for len(piece) > 0 {
			n, r, ok, err := d.Next(piece)
			if err != nil {
				code, _ := Verdict(err)
				return append(all, fmt.Sprint(code))
			}
			if n < len(piece) && !ok {
				t.Fatalf("%d of %d bytes are taken, and nothing is whole", n, len(piece))
			}
			if piece = piece[n:]; ok {
				all = append(all, received(r))
			}
		}
	}
	return all
}

func received(r Received) string {
	body := r.Payload
	if len(body) > decoderMax && !r.Op.IsControl() {
		return "too long"
	}
	if r.Compressed {
		var err error
		if body, err = inflateAll(body); err != nil {
			code, _ := Verdict(err)
			return fmt.Sprintf("inflate %d", code)
		}
	}
	var err error
	switch r.Op {
	case ws.OpClose:
		err = CheckClose(body)
	case ws.OpText:
		err = CheckText(body)
	}
	code, _ := Verdict(err)
	return fmt.Sprintf("%x %d %q", byte(r.Op), code, body)
}

// inflateAll inflates a message by small pieces.
func inflateAll(b []byte) (all []byte, err error) {
	f := NewInflater(b, false, decoderMax)
	defer f.Close()
	for piece, last := make([]byte, 7), false; !last; {
		var n int
		if n, last, err = f.Next(piece); err != nil {
			return nil, err
		}
		all = append(all, piece[:n]...)
	}
	return all, nil
}

func single(b []byte) (all [][]byte) {
	for i := range b {
		all = append(all, slices.Clone(b[i:i+1]))
	}
	return all
}

func TestDecoder(t *testing.T) {
	long := strings.Repeat("x", decoderMax)
	for name, c := range map[string]struct {
		bytes [][]byte
		want  []string
	}{
		"messages":            {[][]byte{raw(0x81, "na\u00efve"), raw(0x82, "\xff"), raw(0x81, "")}, []string{`1 0 "naïve"`, `2 0 "\xff"`, `1 0 ""`}},
		"fragments":           {[][]byte{raw(0x01, "a"), raw(0x00, ""), raw(0x89, "p"), raw(0x80, "b"), raw(0x8a, "")}, []string{`9 0 "p"`, `1 0 "ab"`, `a 0 ""`}},
		"empty fragments":     {[][]byte{raw(0x02, ""), raw(0x00, ""), raw(0x80, "")}, []string{`2 0 ""`}},
		"as long as can be":   {[][]byte{raw(0x82, long)}, []string{fmt.Sprintf("2 0 %q", long)}},
		"too long":            {[][]byte{raw(0x82, long+"x")}, []string{"1009"}},
		"too long at last":    {[][]byte{raw(0x02, long), raw(0x80, "x")}, []string{"1009"}},
		"far too long":        {[][]byte{{0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4}}, []string{"1009"}},
		"a high bit":          {[][]byte{{0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4}}, []string{"1002"}},
		"126 for 125 bytes":   {[][]byte{append([]byte{0x82, 0xfe, 0, 125, 1, 2, 3, 4}, make([]byte, 125)...)}, []string{"1002"}},
		"127 for 65535 bytes": {[][]byte{{0x82, 0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 1, 2, 3, 4}}, []string{"1002"}},
		"126 for a ping":      {[][]byte{{0x89, 0xfe, 0, 0, 1, 2, 3, 4}}, []string{"1002"}},
		"no mask":             {[][]byte{{0x81, 1, 'x'}}, []string{"1002"}},
		"no UTF-8":            {[][]byte{raw(0x01, "\xce"), raw(0x80, "x")}, []string{`1 1007 "\xcex"`}},
		"RSV1":                {[][]byte{raw(0xc1, "x")}, []string{"1002"}},
		"a long ping":         {[][]byte{raw(0x89, strings.Repeat("x", 126))}, []string{"1002"}},
		"a ping in two":       {[][]byte{raw(0x09, "x")}, []string{"1002"}},
		"no beginning":        {[][]byte{raw(0x80, "x")}, []string{"1002"}},
		"two beginnings":      {[][]byte{raw(0x01, "x"), raw(0x81, "x")}, []string{"1002"}},
		"opcode 3":            {[][]byte{raw(0x83, "x")}, []string{"1002"}},
		"opcode 11":           {[][]byte{raw(0x8b, "x")}, []string{"1002"}},
		"a close":             {[][]byte{raw(0x88, closeBody(1000, "bye"))}, []string{`8 0 "\x03\xe8bye"`}},
		"a close of 1005":     {[][]byte{raw(0x88, closeBody(1005, ""))}, []string{`8 1002 "\x03\xed"`}},
	} {
		t.Run(name, func(t *testing.T) {
			whole := bytes.Join(c.bytes, nil)
			if got := decode(t, false, slices.Clone(whole)); !slices.Equal(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
			if got := decode(t, false, single(whole)...); !slices.Equal(got, c.want) {
				t.Errorf("a byte at a time: %q, want %q", got, c.want)
			}
		})
	}
}

// TestEncoder wants what it makes to be what a client reads, whole and in pieces, compressed and not.
func TestEncoder(t *testing.T) {
	long := strings.Repeat("to and fro ", 60)
	for _, deflate := range []bool{false, true} {
		e := (&Handshake{deflate: deflate}).NewEncoder()
		var out []byte
		for _, pieces := range [][]string{{"short"}, {""}, {long}, {long, "middle", ""}, {"a", "b"}, {long}} {
			for i, piece := range pieces {
				op := ws.OpText
				if i > 0 {
					op = ws.OpContinuation
				}
				var err error
				if out, err = e.Append(out, op, []byte(piece), i < len(pieces)-1); err != nil {
					t.Fatal(err)
				}
			}
			if e.Within() {
				t.Error("a message that is whole is under way")
			}
		}
		if compressed := len(out) < 3*len(long); compressed != deflate {
			t.Errorf("deflate %v: %d bytes", deflate, len(out))
		}
		want := []string{`1 0 "short"`, `1 0 ""`, fmt.Sprintf("1 0 %q", long), fmt.Sprintf("1 0 %q", long+"middle"), `1 0 "ab"`, fmt.Sprintf("1 0 %q", long)}
		if got := decode(t, deflate, masked(t, out)); !slices.Equal(got, want) {
			t.Errorf("deflate %v: %q", deflate, got)
		}
	}
}

// masked makes a client's frames of a server's.
func masked(t *testing.T, b []byte) (out []byte) {
	t.Helper()
	in := bytes.NewReader(b)
	for in.Len() > 0 {
		head, err := ws.ReadHeader(in)
		if err != nil || head.Length > int64(in.Len()) {
			t.Fatalf("%+v, %v", head, err)
		}
		f := ws.Frame{Header: head, Payload: make([]byte, head.Length)}
		_, _ = io.ReadFull(in, f.Payload)
		var buf bytes.Buffer
		if err := ws.WriteFrame(&buf, ws.MaskFrame(f)); err != nil {
			t.Fatal(err)
		}
		out = append(out, buf.Bytes()...)
	}
	return out
}

// TestInflateBounded wants a small message that becomes a large one refused.
func TestInflateBounded(t *testing.T) {
	e := (&Handshake{deflate: true}).NewEncoder()
	out, err := e.Append(nil, ws.OpBinary, make([]byte, 100*decoderMax), false)
	if err != nil || len(out) > decoderMax {
		t.Fatalf("%d bytes, %v", len(out), err)
	}
	if got := decode(t, true, masked(t, out)); !slices.Equal(got, []string{"inflate 1009"}) {
		t.Errorf("%q", got)
	}
}

// FuzzDecoder wants the same of the same bytes, however they come.
func FuzzDecoder(f *testing.F) {
	f.Add(bytes.Join([][]byte{raw(0x01, "a"), raw(0x89, "p"), raw(0x80, "b"), raw(0x88, "\x03\xe8")}, nil), 3, false)
	f.Add(raw(0xc1, "\xf2\x48\xcd\xc9\xc9\x07\x00"), 5, true)
	f.Add(raw(0x82, strings.Repeat("x", 600)), 300, false)
	f.Add([]byte{0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, 1, false)
	f.Fuzz(func(t *testing.T, b []byte, at int, deflate bool) {
		if len(b) > 4096 {
			return
		}
		at = min(max(at, 0), len(b))
		whole := decode(t, deflate, slices.Clone(b))
		for _, pieces := range [][][]byte{{slices.Clone(b[:at]), slices.Clone(b[at:])}, single(b)} {
			if got := decode(t, deflate, pieces...); !slices.Equal(got, whole) {
				t.Fatalf("%q, and in pieces %q", whole, got)
			}
		}
	})
}
