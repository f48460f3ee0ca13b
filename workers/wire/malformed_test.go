package wire

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"
)

// parsers are all that read a payload; each gets it with the descriptors that a good one of its kind needs.
var parsers = map[string]func(*Frame) error{
	"hello":  func(f *Frame) error { _, err := ParseHello(f.Payload); return err },
	"status": func(f *Frame) error { _, err := ParseStatus(f.Payload); return err },
	"cancel": func(f *Frame) error { _, err := ParseCancel(f.Payload); return err },
	"requests": func(f *Frame) error {
		return ParseRequests(f, func(Request) {})
	},
	"messages": func(f *Frame) error {
		return ParseMessages(f.Payload, func(*Message) error { return nil })
	},
	"responses": func(f *Frame) error {
		return ParseResponses(f, new(Response), func(*Response) error { return nil })
	},
}

// samples are good payloads of every kind, and how many descriptors each needs.
func samples() map[string][]Frame {
	all := map[string][]Frame{}
	add := func(kind string, frame []byte) {
		all[kind] = append(all[kind], Frame{Payload: frame[HeaderSize:], Files: lend(int(frame[5]))})
	}
	for _, h := range hellos {
		add("hello", AppendHello(nil, h))
	}
	for _, s := range statuses {
		add("status", AppendStatus(nil, s))
	}
	add("cancel", AppendCancel(nil, 1, 2, 3))
	b := AppendRequest(BeginRequests(nil), &Request{ID: 1, Environ: environ(), Body: []byte("body")})
	b = AppendRequest(b, &Request{ID: 2, Environ: environ(), File: os.Stdin, Size: 1 << 33})
	add("requests", EndRequests(b, 0, 2, 1))
	b = AppendRequest(BeginRequests(nil), &Request{ID: 3, Environ: environ(), Kind: Multiplexed})
	add("requests", EndRequests(b, 0, 1, 0))
	b = BeginMessages(nil)
	for i := range messages {
		b = AppendMessage(b, &messages[i])
	}
	add("messages", EndMessages(b, 0, len(messages)))
	for _, r := range responses() {
		add("responses", AppendResponses(nil, r))
	}
	add("responses", AppendResponses(nil, responses()...))
	return all
}

// each calls f with every sample.
func eachSample(f func(kind string, parse func(*Frame) error, sample Frame)) {
	for kind, frames := range samples() {
		for _, frame := range frames {
			f(kind, parsers[kind], frame)
		}
	}
}

func TestSamplesAreGood(t *testing.T) {
	n := 0
	eachSample(func(kind string, parse func(*Frame) error, f Frame) {
		n++
		if err := parse(&f); err != nil {
			t.Errorf("%s %q: %v", kind, f.Payload, err)
		}
	})
	if n < 15 {
		t.Errorf("%d samples", n)
	}
}

func TestTruncatedAtEveryByte(t *testing.T) {
	eachSample(func(kind string, parse func(*Frame) error, f Frame) {
		for cut := range f.Payload {
			short := Frame{Payload: f.Payload[:cut:cut], Files: f.Files}
			if err := parse(&short); !isProtocolError(err) {
				t.Errorf("%s %q, cut to %d bytes: %v", kind, f.Payload, cut, err)
			}
		}
	})
}

func TestTrailingBytes(t *testing.T) {
	eachSample(func(kind string, parse func(*Frame) error, f Frame) {
		f.Payload = append(f.Payload, 'N')
		if err := parse(&f); !isProtocolError(err) {
			t.Errorf("%s %q: %v", kind, f.Payload, err)
		}
	})
}

// TestEveryByteChanged does not ask for an error, since some changes make another good payload, but for no panic and no other error.
func TestEveryByteChanged(t *testing.T) {
	eachSample(func(kind string, parse func(*Frame) error, f Frame) {
		for at := range f.Payload {
			for _, to := range []byte{0, 1, 0x7f, 0x80, 0xff, 'N', 'i', 'l', 's', 'u', '(', '[', '{', '0', '?'} {
				changed := Frame{Payload: append([]byte(nil), f.Payload...), Files: f.Files}
				changed.Payload[at] = to
				if err := parse(&changed); err != nil && !isProtocolError(err) {
					t.Errorf("%s %q: error %v", kind, changed.Payload, err)
				}
			}
		}
	})
}

// Pieces of payloads.
const (
	one    = "i\x01\x00\x00\x00"
	zero   = "i\x00\x00\x00\x00"
	minus  = "i\xff\xff\xff\xff"
	beyond = "l\x03\x00\x00\x00\x00\x00\x00\x00\x02\x00" // 2³¹
	status = "u\x06\x00\x00\x00200 OK"
	none   = "N"
	empty  = "[\x00\x00\x00\x00"
	str    = "u\x01\x00\x00\x00a"
)

func list(items ...string) string  { return container('[', items) }
func tuple(items ...string) string { return container('(', items) }
func dict(items ...string) string  { return "{" + strings.Join(items, "") + "0" }

func container(code byte, items []string) string {
	return string(appendSized(nil, code, len(items))) + strings.Join(items, "")
}

func kind(k Kind) string { return string(AppendInt(nil, int64(k))) }

func text(s string) string { return string(AppendStr(nil, s)) }

func TestMalformed(t *testing.T) {
	cases := []struct{ kind, name, payload string }{
		{"responses", "not a list", dict()},
		{"responses", "a count of 2³²−1", "[\xff\xff\xff\xff"},
		{"responses", "a count beyond the payload", "[\x02\x00\x00\x00" + one},
		{"responses", "a count one too high", "[\x02\x00\x00\x00" + tuple(one, kind(Returned), none, none, none)},
		{"responses", "a response that is an int", list(one)},
		{"responses", "a tuple of four", list(tuple(one, kind(Returned), none, none))},
		{"responses", "a tuple of six", list(tuple(one, kind(Returned), none, none, none, none))},
		{"responses", "id 0", list(tuple(zero, kind(Returned), none, none, none))},
		{"responses", "id −1", list(tuple(minus, kind(Returned), none, none, none))},
		{"responses", "id 2³¹", list(tuple(beyond, kind(Returned), none, none, none))},
		{"responses", "id a str", list(tuple(str, kind(Returned), none, none, none))},
		{"responses", "kind −1", list(tuple(one, minus, none, none, none))},
		{"responses", "kind 6", list(tuple(one, kind(kinds), none, none, none))},
		{"responses", "kind None", list(tuple(one, none, none, none, none))},
		{"responses", "status an int", list(tuple(one, kind(Complete), one, empty, none))},
		{"responses", "status bytes", list(tuple(one, kind(Complete), "s\x01\x00\x00\x00a", empty, none))},
		{"responses", "status None", list(tuple(one, kind(Complete), none, empty, none))},
		{"responses", "headers None", list(tuple(one, kind(Complete), status, none, none))},
		{"responses", "headers a dict", list(tuple(one, kind(Complete), status, dict(), none))},
		{"responses", "headers 2³²−1", list(tuple(one, kind(Complete), status, "[\xff\xff\xff\xff", none))},
		{"responses", "a header of one", list(tuple(one, kind(Complete), status, list(tuple(str)), none))},
		{"responses", "a header of three", list(tuple(one, kind(Complete), status, list(tuple(str, str, str)), none))},
		{"responses", "a header's name an int", list(tuple(one, kind(Complete), status, list(tuple(one, str)), none))},
		{"responses", "a header's value None", list(tuple(one, kind(Complete), status, list(tuple(str, none)), none))},
		{"responses", "a body that is a str", list(tuple(one, kind(Complete), status, empty, str))},
		{"responses", "a body of 2³²−1 bytes", list(tuple(one, kind(Complete), status, empty, "s\xff\xff\xff\xff"))},
		{"responses", "a file's range of one", list(tuple(one, kind(File), status, empty, tuple(one)))},
		{"responses", "a file's offset −1", list(tuple(one, kind(File), status, empty, tuple(minus, one)))},
		{"responses", "a file's count −1", list(tuple(one, kind(File), status, empty, tuple(one, minus)))},
		{"responses", "a file's range in bytes", list(tuple(one, kind(File), status, empty, "s\x00\x00\x00\x00"))},
		{"responses", "an end without a status", list(tuple(one, kind(End), none, none, one))},
		{"responses", "an end with half a trailer", list(tuple(one, kind(End), one, list(none), one))},
		{"responses", "an end with a body of bytes", list(tuple(one, kind(End), one, none, "s\x00\x00\x00\x00"))},
		{"responses", "an end of −1 bytes", list(tuple(one, kind(End), one, none, minus))},
		{"responses", "deep nesting", list(tuple(one, kind(Returned), strings.Repeat("[\x01\x00\x00\x00", 1<<16)))},
		{"requests", "kind 6", list(tuple(one, "i\x06\x00\x00\x00", dict(), none))},
		{"requests", "an environ that is a list", list(tuple(one, zero, empty, none))},
		{"requests", "a size below 0", list(tuple(one, one, dict(), minus))},
		{"requests", "id 0", list(tuple(zero, zero, dict(), none))},
		{"requests", "deep nesting", list(tuple(one, zero, strings.Repeat("{", 1<<16)))},
		{"hello", "a list", list()},
		{"hello", "an int as a key", dict(one, one)},
		{"hello", "None as a key", dict(none, one)},
		{"hello", "version a str", dict(text("version"), str)},
		{"hello", "error an int", dict(text("version"), one, text("error"), one)},
		{"hello", "slots 2⁶³−1", dict(text("version"), one, text("slots"), string(AppendInt(nil, 1<<63-1)))},
		{"hello", "deep nesting", dict(text("x"), strings.Repeat("(\x01\x00\x00\x00", 1<<16))},
		{"status", "retire True", dict(text("retire"), "T")},
		{"status", "overtime an int", dict(text("overtime"), one)},
		{"status", "overtime of strs", dict(text("overtime"), list(str))},
		{"status", "overtime 0", dict(text("overtime"), list(one, zero))},
		{"messages", "a dict", dict()},
		{"messages", "a message of two", list(tuple(one, one))},
		{"messages", "id 0", list(tuple(zero, one, str))},
		{"messages", "kind 3", list(tuple(one, "i\x03\x00\x00\x00", str))},
		{"messages", "kind 257", list(tuple(one, "i\x01\x01\x00\x00", str))},
		{"messages", "a text that is None", list(tuple(one, one, none))},
		{"messages", "a text that is too long", list(tuple(one, one, text(strings.Repeat("x", MessagePart+1))))},
		{"messages", "a close with a str", list(tuple(one, "i\x08\x00\x00\x00", str))},
		{"messages", "a credit of −1", list(tuple(one, "i\x09\x00\x00\x00", minus))},
		{"messages", "a credit of bytes", list(tuple(one, "i\x09\x00\x00\x00", "s\x00\x00\x00\x00"))},
		{"cancel", "a dict", dict()},
		{"cancel", "id 0", list(zero)},
		{"cancel", "id 2³¹", list(beyond)},
		{"cancel", "2³²−1 ids", "[\xff\xff\xff\xff" + one},
	}
	for _, c := range cases {
		f := Frame{Payload: []byte(c.payload), Files: lend(1)}
		if err := parsers[c.kind](&f); !isProtocolError(err) {
			t.Errorf("%s: %s: %v", c.kind, c.name, err)
		}
	}
}

// TestNoDescriptorForAResponse has two files and one descriptor: the first is passed on.
func TestNoDescriptorForAResponse(t *testing.T) {
	for _, k := range []Kind{File, Stream} {
		rs := []*Response{{ID: 1, Kind: k}, {ID: 2, Kind: k}}
		f := Frame{Payload: AppendResponses(nil, rs...)[HeaderSize:], Files: lend(1)}
		n := 0
		err := ParseResponses(&f, new(Response), func(*Response) error { n++; return nil })
		if n != 1 || !isProtocolError(err) {
			t.Errorf("kind %d: %d responses, %v", k, n, err)
		}
	}
}

// TestSurplusDescriptorStays has one descriptor more than the responses use; it is the frame's to discard.
func TestSurplusDescriptorStays(t *testing.T) {
	fd, closed := sentinel(t)
	f := Frame{
		Payload: AppendResponses(nil, &Response{ID: 1})[HeaderSize:],
		Files:   []*os.File{os.NewFile(uintptr(fd), "surplus")},
	}
	if err := ParseResponses(&f, new(Response), func(*Response) error { return nil }); err != nil {
		t.Fatal(err)
	}
	f.Discard()
	if !closed() {
		t.Error("the surplus descriptor is open")
	}
}

// TestBadRequestKeepsItsDescriptor has a request that is refused after its size was read.
func TestBadRequestKeepsItsDescriptor(t *testing.T) {
	for name, p := range map[string]string{
		"no descriptor": list(tuple(one, one, dict(), one)),
		"size a str":    list(tuple(one, one, dict(), str)),
	} {
		f := Frame{Payload: []byte(p)}
		if name != "no descriptor" {
			f.Files = lend(1)
		}
		had := len(f.Files)
		err := ParseRequests(&f, func(r Request) { t.Errorf("%s: passed on: %+v", name, r) })
		if !isProtocolError(err) || len(f.Files) != had {
			t.Errorf("%s: %v, %d descriptors left of %d", name, err, len(f.Files), had)
		}
	}
}

// TestParsingAllocatesLittle parses payloads that claim much: what is allocated is bounded by what is there.
func TestParsingAllocatesLittle(t *testing.T) {
	for name, p := range map[string]string{
		"responses": list(tuple(one, kind(Complete), status, "[\xff\xff\xff\x00", none)),
		"cancel":    "[\xff\xff\xff\x00" + one,
		"status":    dict(text("overtime"), "[\xff\xff\xff\x00"+one),
		"hello":     dict(text("class"), "u\xff\xff\xff\x7f"),
	} {
		const runs = 100
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range runs {
			_ = parsers[name](&Frame{Payload: []byte(p)})
		}
		runtime.ReadMemStats(&after)
		if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 4096 {
			t.Errorf("%s: %d bytes allocated for a payload of %d", name, got, len(p))
		}
	}
}

func TestProtocolErrorText(t *testing.T) {
	_, err := ParseCancel([]byte("N"))
	if got, want := fmt.Sprint(err), `protocol error: type 'N' where a sequence belongs`; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
