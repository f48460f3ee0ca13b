package wire

import (
	"bytes"
	"fmt"
	"testing"
)

// batch is how many requests share a frame under load.
const batch = 8

// fullEnviron is what a browser's request becomes.
func fullEnviron() []byte {
	b := AppendDict(nil)
	for i := range 24 {
		b = AppendLatin1(AppendStr(b, fmt.Sprintf("HTTP_HEADER_%d", i)), "a value of the usual length, as browsers send it")
	}
	return AppendEnd(b)
}

func BenchmarkEncodeRequests(b *testing.B) {
	r := Request{Environ: fullEnviron()}
	var out []byte
	b.ReportAllocs()
	b.SetBytes(int64(batch * len(r.Environ)))
	for b.Loop() {
		out = BeginRequests(out[:0])
		for id := range uint32(batch) {
			r.ID = id + 1
			out = AppendRequest(out, &r)
		}
		out = EndRequests(out, 0, batch, 0)
	}
}

func BenchmarkEncodeEnviron(b *testing.B) {
	value := []byte("a value of the usual length, as browsers send it")
	var out []byte
	b.ReportAllocs()
	for b.Loop() {
		out = AppendDict(out[:0])
		for range 24 {
			out = AppendLatin1(AppendStr(out, "HTTP_ACCEPT_LANGUAGE"), value)
		}
		out = AppendEnd(out)
	}
}

// responseBatch is a frame of ordinary responses.
func responseBatch() []byte {
	r := Response{Status: []byte("200 OK"), Body: bytes.Repeat([]byte("x"), 200)}
	for i := range 6 {
		r.Fields = append(r.Fields, field(fmt.Sprintf("X-Header-%d", i), "text/html; charset=utf-8"))
	}
	var all []*Response
	for id := range uint32(batch) {
		c := r
		c.ID = id + 1
		all = append(all, &c)
	}
	return AppendResponses(nil, all...)[HeaderSize:]
}

func BenchmarkParseResponses(b *testing.B) {
	payload := responseBatch()
	var r Response
	each := func(*Response) error { return nil }
	b.ReportAllocs()
	b.SetBytes(int64(len(payload)))
	for b.Loop() {
		f := Frame{Payload: payload}
		if err := ParseResponses(&f, &r, each); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkConn(b *testing.B) {
	front, worker := pair(b)
	frame := rawFrame(TypeResponse, string(responseBatch()), 0)
	b.ReportAllocs()
	for b.Loop() {
		write(b, worker, frame)
		next(b, front)
	}
}

// TestParsingResponsesAllocatesNothing is what the reused value is for.
func TestParsingResponsesAllocatesNothing(t *testing.T) {
	payload := responseBatch()
	var r Response
	n := 0
	each := func(*Response) error { n++; return nil }
	allocs := testing.AllocsPerRun(100, func() {
		f := Frame{Payload: payload}
		if err := ParseResponses(&f, &r, each); err != nil {
			t.Fatal(err)
		}
	})
	if allocs > 0 || n == 0 {
		t.Errorf("%v allocations for a frame of %d responses", allocs, batch)
	}
}

// TestEncodingRequestsAllocatesNothing writes into a buffer that is large enough.
func TestEncodingRequestsAllocatesNothing(t *testing.T) {
	r := Request{ID: 1, Environ: fullEnviron(), Body: []byte("body")}
	out := make([]byte, 0, 1<<16)
	allocs := testing.AllocsPerRun(100, func() {
		out = BeginRequests(out[:0])
		for range batch {
			out = AppendRequest(out, &r)
		}
		out = AppendCancel(EndRequests(out, 0, batch, 0), 1, 2)
	})
	if allocs > 0 {
		t.Errorf("%v allocations for a frame of %d requests", allocs, batch)
	}
}
