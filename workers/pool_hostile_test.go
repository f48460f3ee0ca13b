package workers

import (
	"io"
	"os"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// TestHalfAnAnswer dies within a frame.
func TestHalfAnAnswer(t *testing.T) { EachWay(t, testHalfAnAnswer) }

func testHalfAnAnswer(t *testing.T, by Way) {
	p, f, ws := startPool(t, by.Options(t, Options{}), 1)
	r, c := ask(true)
	p.Submit(r)
	b := wire.AppendResponses(nil, complete(ws[0].take().ID, "hello"))
	ws[0].write(b[:len(b)-1])
	ws[0].die()
	w := f.next().hello(1)
	w.respond(complete(w.take().ID, "whole"))
	c.hears(t, "whole")
	c.silent(t)
}

func TestProtocolViolations(t *testing.T) { EachWay(t, testProtocolViolations) }

func testProtocolViolations(t *testing.T, by Way) {
	stream := func(id uint32) *wire.Response {
		return &wire.Response{ID: id, Kind: wire.Stream, Status: []byte("200 OK"), File: os.Stdin}
	}
	responses := func(rs ...*wire.Response) []byte { return wire.AppendResponses(nil, rs...) }
	raw := func(typ wire.Type, payload string) []byte {
		return wire.EndFrame(append(wire.BeginFrame(nil), payload...), 0, typ, 0)
	}
	cases := map[string]func(id uint32) []byte{
		"unknown id": func(uint32) []byte { return responses(complete(99, "")) },
		"id 0": func(uint32) []byte {
			return raw(wire.TypeResponse, "[\x01\x00\x00\x00(\x05\x00\x00\x00i\x00\x00\x00\x00")
		},
		"end without stream":  func(id uint32) []byte { return responses(&wire.Response{ID: id, Kind: wire.End}) },
		"returned unasked":    func(id uint32) []byte { return responses(&wire.Response{ID: id, Kind: wire.Returned}) },
		"accepts no upgrade":  func(id uint32) []byte { return responses(&wire.Response{ID: id, Kind: wire.Accept}) },
		"no descriptor":       func(id uint32) []byte { return raw(wire.TypeResponse, string(responses(stream(id))[wire.HeaderSize:])) },
		"descriptor promised": func(id uint32) []byte { return responses(stream(id)) },
		"not marshal":         func(uint32) []byte { return raw(wire.TypeResponse, "hello") },
		"status not a dict":   func(uint32) []byte { return raw(wire.TypeStatus, "N") },
		"too large":           func(uint32) []byte { return []byte{0xff, 0xff, 0xff, 0xff, 3, 0, 0, 0} },
		"a second HELLO":      func(uint32) []byte { return wire.AppendHello(nil, wire.Hello{Version: 1, Slots: 1}) },
		"REQUEST":             func(uint32) []byte { return raw(wire.TypeRequest, "[\x00\x00\x00\x00") },
		"CANCEL":              func(id uint32) []byte { return wire.AppendCancel(nil, id) },
		"DRAIN":               func(uint32) []byte { return wire.AppendDrain(nil) },
	}
	for name, frames := range cases {
		t.Run(name, func(t *testing.T) {
			p, f, ws := startPool(t, by.Options(t, Options{}), 1)
			r, c := ask(false)
			p.Submit(r)
			if err := ws[0].conn.Sock().SetWriteDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if _, err := ws[0].conn.Sock().Write(frames(ws[0].take().ID)); err != nil {
				t.Fatal(err)
			}
			ws[0].disconnected()
			c.fails(t, WorkerLost)
			if n := receive(t, f.aborted, "abort of the worker that broke the rules"); n != 1 {
				t.Errorf("worker %d is aborted", n)
			}
			w := f.next().hello(1)
			r, c = ask(true)
			p.Submit(r)
			w.respond(complete(w.take().ID, "fine"))
			c.hears(t, "fine")
		})
	}
}

// TestSecondAnswer has the first one count.
func TestSecondAnswer(t *testing.T) { EachWay(t, testSecondAnswer) }

func testSecondAnswer(t *testing.T, by Way) {
	p, f, ws := startPool(t, by.Options(t, Options{}), 2)
	r, c := ask(true)
	p.Submit(r)
	id := ws[0].take().ID
	ws[0].respond(complete(id, "one"), complete(id, "two"))
	ws[0].disconnected()
	c.hears(t, "one")
	receive(t, f.aborted, "abort")
	c.silent(t)
}

// TestSecondHead has a request that streams answered again.
func TestSecondHead(t *testing.T) { EachWay(t, testSecondHead) }

func testSecondHead(t *testing.T, by Way) {
	p, f, ws := startPool(t, by.Options(t, Options{}), 2)
	r, c := ask(true)
	p.Submit(r)
	id := ws[0].take().ID
	ws[0].respond(&wire.Response{ID: id, Kind: wire.Stream, Status: []byte("200 OK"), File: memfd(t, "")}, complete(id, "two"))
	ws[0].disconnected()
	receive(t, c.heard, "stream").file.Close()
	c.fails(t, WorkerLost)
	receive(t, f.aborted, "abort")
	c.silent(t)
}

// TestGrease has frames of a type that is not known yet, whose descriptors are closed.
func TestGrease(t *testing.T) { EachWay(t, testGrease) }

func testGrease(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{}), 1)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	ws[0].write(wire.EndFrame(append(wire.BeginFrame(nil), "anything"...), 0, 77, 1), int(w.Fd()))
	w.Close()
	r.SetReadDeadline(time.Now().Add(patience))
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF { // a pipe's end of file
		t.Errorf("the descriptor is still open: %v", err)
	}
	request, c := ask(true)
	p.Submit(request)
	ws[0].respond(complete(ws[0].take().ID, "fine"))
	c.hears(t, "fine")
}

// TestDescriptorsOfNobody has answers with descriptors to a request whose client is gone.
func TestDescriptorsOfNobody(t *testing.T) { EachWay(t, testDescriptorsOfNobody) }

func testDescriptorsOfNobody(t *testing.T, by Way) {
	p, _, ws := startPool(t, by.Options(t, Options{}), 1)
	for _, kind := range []wire.Kind{wire.File, wire.Stream} {
		request, c := ask(true)
		p.Submit(request)
		id := ws[0].take().ID
		p.Cancel(request)
		ws[0].cancelled()
		theirs, ours, err := wire.Pair()
		if err != nil {
			t.Fatal(err)
		}
		socket, err := ours.Sock().File()
		if err != nil {
			t.Fatal(err)
		}
		ours.Close()
		ws[0].respond(&wire.Response{ID: id, Kind: kind, Status: []byte("200 OK"), File: socket})
		theirs.Sock().SetReadDeadline(time.Now().Add(patience))
		if n, err := theirs.Sock().Read(make([]byte, 1)); n != 0 || err != io.EOF { // its end of file
			t.Errorf("kind %d: the descriptor is still open: %v", kind, err)
		}
		theirs.Close()
		if kind == wire.Stream {
			ws[0].respond(&wire.Response{ID: id, Kind: wire.End})
		}
		c.silent(t)
	}
}
