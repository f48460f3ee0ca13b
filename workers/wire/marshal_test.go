package wire

import (
	"bytes"
	"fmt"
	"math"
	"strings"
	"testing"
)

// ints are those around every change of the encoding.
func ints() []int64 {
	all := []int64{0, 1, -1, math.MaxInt64, math.MinInt64}
	for shift := range 63 {
		v := int64(1) << shift
		all = append(all, v-1, v, v+1, -v-1, -v, -v+1)
	}
	return all
}

func TestIntRoundTrip(t *testing.T) {
	for _, v := range ints() {
		b := AppendInt(nil, v)
		d := decoder{b: b}
		if got := d.int(); got != v || d.end() != nil {
			t.Errorf("%d came back as %d (% x): %v", v, got, b, d.err)
		}
		short := v >= math.MinInt32 && v <= math.MaxInt32
		if short != (len(b) == 5) {
			t.Errorf("%d is encoded in %d bytes", v, len(b))
		}
	}
}

func TestIntOutOfRange(t *testing.T) {
	cases := map[string]string{
		"2^63":              "l\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00",
		"-2^63-1":           "l\xfb\xff\xff\xff\x01\x00\x00\x00\x00\x00\x00\x00\x08\x00",
		"2^74":              "l\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x40",
		"six digits":        "l\x06\x00\x00\x00\x01\x00\x01\x00\x01\x00\x01\x00\x01\x00\x01\x00",
		"a digit of 16 bit": "l\x01\x00\x00\x00\x00\x80",
		"2^31 digits":       "l\x00\x00\x00\x80",
		"cut":               "l\x02\x00\x00\x00\x01\x00\x01",
		"short and cut":     "i\x01\x00\x00",
		"a str":             "u\x01\x00\x00\x001",
		"nothing":           "",
	}
	for name, b := range cases {
		d := decoder{b: []byte(b)}
		if v := d.int(); d.err == nil || v != 0 {
			t.Errorf("%s: %d, error %v", name, v, d.err)
		}
	}
}

func TestBoolsAreInts(t *testing.T) {
	d := decoder{b: []byte("TF")}
	if one, zero := d.int(), d.int(); one != 1 || zero != 0 || d.end() != nil {
		t.Errorf("True and False are %d and %d: %v", one, zero, d.err)
	}
}

// every is each byte value once, as a header's or an environ's string may hold it.
func every() []byte {
	b := make([]byte, 256)
	for i := range b {
		b[i] = byte(i)
	}
	return b
}

func TestLatin1RoundTrip(t *testing.T) {
	for _, v := range [][]byte{nil, []byte("plain"), {0x80}, {0xff}, every(), []byte("caf\xe9 \xc3\xa9")} {
		d := decoder{b: AppendLatin1(nil, v)}
		s := d.str()
		if err := d.end(); err != nil {
			t.Fatal(err)
		}
		if got, ok := Latin1(s); !ok || !bytes.Equal(got, v) {
			t.Errorf("%q came back as %q, %v", v, got, ok)
		}
		if want := AppendLatin1(nil, string(v)); !bytes.Equal(want, AppendLatin1(nil, v)) {
			t.Errorf("%q is encoded in another way as a string", v)
		}
	}
}

func TestLatin1IsWhatUTF8Says(t *testing.T) {
	for r := range rune(0x300) {
		got, ok := Latin1([]byte(string(r)))
		if want := r <= 0xff; ok != want || ok && (len(got) != 1 || rune(got[0]) != r) {
			t.Errorf("U+%04X: % x, %v", r, got, ok)
		}
	}
}

// TestLatin1Refuses has ways to smuggle a byte, a line feed above all, past who looks at the encoded form.
func TestLatin1Refuses(t *testing.T) {
	for _, s := range []string{
		"\xc0\x8a", "\xc1\x8a", "\xc0\x80", // overlong
		"a\xc3", "\xc3a", "\xc3\xc3\xa9", "\xc2\n", // no second byte
		"\x80", "\xff", "\xbf", // no first byte
		"\xc4\x80", "\xe2\x82\xac", "\xf0\x9f\xa6\x84", "\xed\xa0\x80", // beyond U+00FF
	} {
		if got, ok := Latin1([]byte("x" + s)); ok {
			t.Errorf("%q passes as %q", s, got)
		}
	}
}

func TestSkip(t *testing.T) {
	deep := func(n int) string { return strings.Repeat("[\x01\x00\x00\x00", n-1) + "N" }
	good := map[string]string{
		"none":        "N",
		"float":       "g\x00\x00\x00\x00\x00\x00\xf8?",
		"bytes":       "s\x02\x00\x00\x00ab",
		"str":         "u\x00\x00\x00\x00",
		"int":         "i\x00\x00\x00\x00",
		"2^75":        "l\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00",
		"-2^75":       "l\xfa\xff\xff\xff\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\x00",
		"dict":        "{u\x01\x00\x00\x00a{0NN0",
		"empty tuple": "(\x00\x00\x00\x00",
		"deep":        deep(maxDepth),
	}
	for name, b := range good {
		d := decoder{b: []byte(b)}
		d.skip()
		if err := d.end(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	bad := map[string]string{
		"too deep":         deep(maxDepth + 1),
		"dict in dict":     strings.Repeat("{N", 100000),
		"unknown type":     "?",
		"interned":         "t\x01\x00\x00\x00a",
		"reference":        "\xe9\x01\x00\x00\x00",
		"huge list":        "[\xff\xff\xff\xff",
		"huge bytes":       "s\xff\xff\xff\xffabc",
		"huge long":        "l\x00\x00\x00\x80",
		"dict, no end":     "{NN",
		"dict, one only":   "{N0",
		"list, cut":        "[\x02\x00\x00\x00N",
		"float, cut":       "g\x00\x00",
		"nothing":          "",
		"2^31 digits more": "l\xff\xff\xff\x7f\x00\x00",
	}
	for name, b := range bad {
		d := decoder{b: []byte(b)}
		d.skip()
		if d.err == nil {
			t.Errorf("%s: passed", name)
		}
	}
}

// TestErrorSticks reads on after an error: the first is the one that counts, and nothing more is taken.
func TestErrorSticks(t *testing.T) {
	d := decoder{b: []byte("Nu\x01\x00\x00\x00a")}
	d.int()
	first := fmt.Sprint(d.err)
	if d.str() != nil || d.bytes() != nil || d.int() != 0 || d.sequence() != 0 || d.more() || d.peek() != 0 {
		t.Error("a read after an error gives something")
	}
	d.skip()
	d.dict(func(string) { t.Error("a dict is read after an error") })
	if got := fmt.Sprint(d.end()); got != first {
		t.Errorf("the error was %s and is now %s", first, got)
	}
}
