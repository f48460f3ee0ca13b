package wire

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// payload checks a frame's header and gives what follows it.
func payload(t testing.TB, frame []byte, typ Type, descriptors int) []byte {
	t.Helper()
	h, err := parseHeader(frame, MaxFromFront)
	if err != nil {
		t.Fatal(err)
	}
	if want := (header{len(frame) - HeaderSize, typ, descriptors}); h != want {
		t.Fatalf("header %+v, want %+v", h, want)
	}
	return frame[HeaderSize:]
}

var hellos = []Hello{
	{Version: 1, Pid: 1, Slots: 1, Class: "sync", Interface: "wsgi"},
	{Version: 1, Pid: 4194304, Slots: 1 << 20, Class: "gthread", Interface: "wsgi", Started: 1},
	{Version: 1, Pid: 2, Slots: 1, Class: "sync", Interface: "wsgi", Started: 1 << 55},
	{Version: 1, Pid: 2, Slots: 9, Class: "tornado", Interface: "asgi", Untimed: true, Upgrades: true},
	{Version: 1, Pid: 3, Slots: 9, Class: "asgi", Interface: "asgi", Untimed: true, Messages: true},
	{Version: 1, Pid: 7, Slots: 1, Class: "sync", Interface: "wsgi", Error: "No module named 'épp'\nTraceback", Exit: 4},
	{Version: 1, Error: "no slots, but an error", Exit: 3},
}

func TestHelloRoundTrip(t *testing.T) {
	for _, h := range hellos {
		b := AppendHello([]byte("before"), h)
		got, err := ParseHello(payload(t, b[len("before"):], TypeHello, 0))
		if err != nil || got != h {
			t.Errorf("%+v came back as %+v: %v", h, got, err)
		}
	}
}

func TestHelloIgnoresWhatItDoesNotKnow(t *testing.T) {
	b := AppendDict(nil)
	b = AppendInt(AppendStr(b, "version"), 1)
	b = AppendNone(AppendStr(b, "error"))
	b = AppendList(AppendStr(b, "colours"), 2)
	b = AppendEnd(AppendDict(AppendStr(b, "red")))
	b = AppendInt(AppendStr(b, "slots"), 3)
	got, err := ParseHello(AppendEnd(b))
	if want := (Hello{Version: 1, Slots: 3}); err != nil || got != want {
		t.Errorf("%+v: %v", got, err)
	}
}

func TestHelloRefuses(t *testing.T) {
	good := Hello{Version: 1, Pid: 1, Slots: 1, Class: "sync", Interface: "wsgi"}
	cases := map[string]func(*Hello){
		"version 2":    func(h *Hello) { h.Version = 2 },
		"version 0":    func(h *Hello) { h.Version = 0 },
		"no slot":      func(h *Hello) { h.Slots = 0 },
		"slots below":  func(h *Hello) { h.Slots = -1 },
		"slots beyond": func(h *Hello) { h.Slots = 1<<20 + 1 },
		"version and error": func(h *Hello) {
			h.Version, h.Error = 2, "why"
		},
	}
	for name, spoil := range cases {
		h := good
		spoil(&h)
		if got, err := ParseHello(AppendHello(nil, h)[HeaderSize:]); !isProtocolError(err) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}

var statuses = []Status{
	{},
	{Retire: "max_requests"},
	{Stopping: "SIGTERM"},
	{Changed: "/srv/é.py"},
	{Overtime: []uint32{1}},
	{Unlogged: []uint32{7, 1<<31 - 1}},
	{Retire: "a", Stopping: "b", Changed: "c", Overtime: []uint32{1<<31 - 1, 1, 1}},
}

func TestStatusRoundTrip(t *testing.T) {
	for _, s := range statuses {
		got, err := ParseStatus(payload(t, AppendStatus(nil, s), TypeStatus, 0))
		if err != nil || !reflect.DeepEqual(got, s) {
			t.Errorf("%+v came back as %+v: %v", s, got, err)
		}
	}
}

func TestStatusNone(t *testing.T) {
	b := AppendDict(nil)
	for _, key := range []string{"retire", "stopping", "changed", "unknown"} {
		b = AppendNone(AppendStr(b, key))
	}
	if got, err := ParseStatus(AppendEnd(b)); err != nil || !reflect.DeepEqual(got, Status{}) {
		t.Errorf("%+v: %v", got, err)
	}
}

func TestCancelRoundTrip(t *testing.T) {
	for _, ids := range [][]uint32{nil, {1}, {3, 2, 1<<31 - 1}} {
		got, err := ParseCancel(payload(t, AppendCancel(nil, ids...), TypeCancel, 0))
		if err != nil || !slices.Equal(got, ids) {
			t.Errorf("%v came back as %v: %v", ids, got, err)
		}
	}
}

func TestDrain(t *testing.T) {
	if got := payload(t, AppendDrain(nil), TypeDrain, 0); string(got) != "N" {
		t.Errorf("payload %q", got)
	}
}

// environ is an encoded environ of two entries.
func environ() []byte {
	b := AppendLatin1(AppendStr(AppendDict(nil), "PATH_INFO"), "/caf\xe9")
	return AppendEnd(AppendStr(AppendStr(b, "REQUEST_METHOD"), "GET"))
}

func TestRequestsRoundTrip(t *testing.T) {
	spool := tempFile(t, "a large body")
	in := []Request{
		{ID: 1, Environ: environ()},
		{ID: 1<<31 - 1, Environ: AppendEnd(AppendDict(nil)), Body: []byte("small \x00 body")},
		{ID: 2, Environ: environ(), File: spool, Size: 1 << 40},
		{ID: 4, Environ: environ(), Kind: Streamed, File: spool},
		{ID: 5, Environ: environ(), Kind: WebSocket, File: spool},
		{ID: 3, Environ: environ(), Body: []byte{}},
	}
	frame := BeginRequests(nil)
	if len(frame) != RequestBatchOverhead {
		t.Errorf("BeginRequests appends %d bytes, RequestBatchOverhead is %d", len(frame), RequestBatchOverhead)
	}
	for i := range in {
		frame = AppendRequest(frame, &in[i])
	}
	f := Frame{Payload: payload(t, EndRequests(frame, 0, len(in), 3), TypeRequest, 3), Files: []*os.File{spool, spool, spool}}
	var out []Request
	if err := ParseRequests(&f, func(r Request) { out = append(out, r) }); err != nil {
		t.Fatal(err)
	}
	if len(out) != len(in) || len(f.Files) != 0 {
		t.Fatalf("%d requests, %d descriptors left", len(out), len(f.Files))
	}
	for i := range in {
		if !sameRequest(&in[i], &out[i]) {
			t.Errorf("%+v came back as %+v", in[i], out[i])
		}
	}
}

func sameRequest(a, b *Request) bool {
	return a.ID == b.ID && bytes.Equal(a.Environ, b.Environ) && bytes.Equal(a.Body, b.Body) && a.File == b.File && a.Size == b.Size
}

// TestRequestsBehindOtherFrames makes a batch that does not begin its buffer.
func TestRequestsBehindOtherFrames(t *testing.T) {
	b := AppendCancel(nil, 7)
	at := len(b)
	b = AppendRequest(BeginRequests(b), &Request{ID: 9, Environ: environ()})
	b = AppendDrain(EndRequests(b, at, 1, 0))
	front, worker := pair(t)
	write(t, front, b)
	for _, want := range []Type{TypeCancel, TypeRequest, TypeDrain} {
		f := next(t, worker)
		if f.Type != want {
			t.Fatalf("frame type %d, want %d", f.Type, want)
		}
		if f.Type == TypeRequest {
			if err := ParseRequests(&f, func(r Request) {
				if r.ID != 9 {
					t.Errorf("id %d", r.ID)
				}
			}); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestEachEnviron(t *testing.T) {
	var got []string
	err := EachEnviron(environ(), func(key, value []byte) { got = append(got, fmt.Sprintf("%s=%s", key, value)) })
	if want := []string{"PATH_INFO=/café", "REQUEST_METHOD=GET"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q: %v", got, err)
	}
	for _, b := range []string{"", "N", "{", "{N", "{u\x01\x00\x00\x00aN0", "{i\x01\x00\x00\x00u\x01\x00\x00\x00a0", "{00"} {
		if err := EachEnviron([]byte(b), func(key, value []byte) { t.Errorf("%q gives %q=%q", b, key, value) }); err == nil {
			t.Errorf("%q passes", b)
		}
	}
}

// field makes a Field of two strings.
func field(name, value string) Field { return Field{[]byte(name), []byte(value)} }

// responses is one of each kind, and their edges.
func responses() []*Response {
	ok := []byte("200 OK")
	return []*Response{
		{ID: 1, Kind: Complete, Status: ok, Fields: []Field{field("Content-Type", "text/plain"), field("X", "é")}, Body: []byte("hello\x00")},
		{ID: 1<<31 - 1, Kind: Complete, Status: []byte("204 No Content")},
		{ID: 2, Kind: File, Status: ok, Fields: []Field{field("", "")}, Offset: 1 << 40, Count: 1<<63 - 1 - 1<<40},
		{ID: 3, Kind: Stream, Status: ok, Body: []byte("first")},
		{ID: 3, Kind: End, OK: true, Count: 1 << 33},
		{ID: 4, Kind: End},
		{ID: 6, Kind: End, OK: true, Fields: []Field{{[]byte("x-sum"), []byte("1")}}, Count: 3},
		{ID: 5, Kind: Returned},
		{ID: 8, Kind: Accept, Fields: []Field{field("X-Mine", "1")}, Body: []byte("chat")},
		{ID: 9, Kind: Accept, Body: []byte{}},
		{ID: 6, Kind: Interim, Status: []byte("103 Early Hints"), Fields: []Field{field("Link", "</a.css>")}},
	}
}

func sameResponse(a, b *Response) bool {
	same := a.ID == b.ID && a.Kind == b.Kind && a.OK == b.OK && a.Offset == b.Offset && a.Count == b.Count &&
		bytes.Equal(a.Status, b.Status) && bytes.Equal(a.Body, b.Body) && len(a.Fields) == len(b.Fields)
	for i := 0; same && i < len(a.Fields); i++ {
		same = bytes.Equal(a.Fields[i].Name, b.Fields[i].Name) && bytes.Equal(a.Fields[i].Value, b.Fields[i].Value)
	}
	return same
}

func TestResponsesRoundTrip(t *testing.T) {
	in := responses()
	files := []*os.File{tempFile(t, "file"), tempFile(t, "stream")}
	f := Frame{Payload: payload(t, AppendResponses(nil, in...), TypeResponse, 2), Files: slices.Clone(files)}
	var r Response
	i := 0
	err := ParseResponses(&f, &r, func(r *Response) error {
		if !sameResponse(in[i], r) {
			t.Errorf("%+v came back as %+v", in[i], r)
		}
		var want *os.File
		if r.Kind == File || r.Kind == Stream {
			want, files = files[0], files[1:]
		}
		if r.File != want {
			t.Errorf("response %d of kind %d has file %v", r.ID, r.Kind, r.File)
		}
		again := Response{File: r.File}
		if err := again.Decode(bytes.Clone(r.Encoded)); err != nil || !sameResponse(r, &again) || again.File != r.File {
			t.Errorf("%+v decodes again as %+v: %v", r, again, err)
		}
		i++
		return nil
	})
	if err != nil || i != len(in) || len(f.Files) != 0 {
		t.Errorf("%d of %d responses, %d descriptors left: %v", i, len(in), len(f.Files), err)
	}
}

func TestKindEnds(t *testing.T) {
	for k, want := range map[Kind]bool{Complete: true, File: true, Stream: false, End: true, Returned: true, Interim: false, Accept: false} {
		if k.Ends() != want {
			t.Errorf("kind %d ends: %v", k, k.Ends())
		}
	}
}

// TestResponsesStop has the receiver refuse the second one: the rest is neither passed on nor loses its descriptors.
func TestResponsesStop(t *testing.T) {
	all := []*Response{{ID: 1, Kind: File}, {ID: 2, Kind: File}, {ID: 3, Kind: File}}
	files := []*os.File{tempFile(t, ""), tempFile(t, ""), tempFile(t, "")}
	f := Frame{Payload: AppendResponses(nil, all...)[HeaderSize:], Files: slices.Clone(files)}
	var seen []*os.File
	err := ParseResponses(&f, new(Response), func(r *Response) error {
		seen = append(seen, r.File)
		if r.ID == 2 {
			return io.ErrClosedPipe
		}
		return nil
	})
	if err != io.ErrClosedPipe || !slices.Equal(seen, files[:2]) || !slices.Equal(f.Files, files[2:]) { // as it came
		t.Errorf("passed on %d, left %d: %v", len(seen), len(f.Files), err)
	}
}

func TestResponseLimits(t *testing.T) {
	head := func(fields, value int) []byte {
		r := Response{ID: 1, Status: []byte("200 OK")}
		for range fields {
			r.Fields = append(r.Fields, field("n", strings.Repeat("v", value)))
		}
		return AppendResponses(nil, &r)[HeaderSize:]
	}
	parse := func(b []byte) error {
		return ParseResponses(&Frame{Payload: b}, new(Response), func(*Response) error { return nil })
	}
	if err := parse(head(maxFields, 1)); err != nil {
		t.Errorf("%d fields: %v", maxFields, err)
	}
	if err := parse(head(maxFields+1, 1)); !isProtocolError(err) {
		t.Errorf("%d fields: %v", maxFields+1, err)
	}
	if err := parse(head(1, maxHead-100)); err != nil {
		t.Errorf("a head just below %d bytes: %v", maxHead, err)
	}
	if err := parse(head(1, maxHead)); !isProtocolError(err) {
		t.Errorf("a head above %d bytes: %v", maxHead, err)
	}
}
