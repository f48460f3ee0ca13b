package workers

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kirin-server/kirin/workers/wire"
)

// The front trusts nothing that a worker sends (docs/protocol.md): each field of each frame comes wrong here, by a worker beside an honest one.

// object is an encoded value of a field.
type object string

const none object = "N"

func integer(v int64) object { return object(wire.AppendInt(nil, v)) }

func text(s string) object { return object(wire.AppendStr(nil, s)) }

// beyond is 2⁶³, which no field can hold.
const beyond object = "l\x05\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x08\x00"

// numbers are what no counter can be.
var numbers = map[string]object{"-1": integer(-1), "-2⁶³": integer(-1 << 63), "2⁶³": beyond, "a str": text("1"), "None": none}

func sequence(items ...object) object {
	b := string(wire.AppendList(nil, len(items)))
	for _, each := range items {
		b += string(each)
	}
	return object(b)
}

func dict(pairs ...object) object {
	b := string(wire.AppendDict(nil))
	for _, each := range pairs {
		b += string(each)
	}
	return object(wire.AppendEnd([]byte(b)))
}

func frame(typ wire.Type, payload object) []byte {
	return wire.EndFrame(append(wire.BeginFrame(nil), payload...), 0, typ, 0)
}

// response is a RESPONSE frame of one.
func response(fields ...object) []byte {
	return frame(wire.TypeResponse, sequence(sequence(fields...)))
}

// messagesOf is a MESSAGES frame.
func messagesOf(fields ...object) []byte {
	return frame(wire.TypeMessages, sequence(sequence(fields...)))
}

// wrongHellos has each field of a HELLO wrong.
func wrongHellos() map[string][]byte {
	good := map[string]object{"version": integer(1), "pid": integer(1), "slots": integer(1), "interface": text("wsgi")}
	with := func(key string, v object) []byte {
		pairs := []object{text(key), v}
		for k, v := range good {
			if k != key {
				pairs = append(pairs, text(k), v)
			}
		}
		return frame(wire.TypeHello, dict(pairs...))
	}
	cases := map[string][]byte{
		"slots 0":               with("slots", integer(0)),
		"slots 2²⁰+1":           with("slots", integer(1<<20+1)),
		"slots 2³²+1":           with("slots", integer(1<<32+1)),
		"version 2":             with("version", integer(2)),
		"pid 2³¹":               with("pid", integer(1<<31)),
		"exit 256":              with("exit", integer(256)),
		"class of a MiB":        with("class", text(strings.Repeat("x", 1<<20))),
		"interface of a MiB":    with("interface", text(strings.Repeat("x", 1<<20))),
		"interface rpc":         with("interface", text("rpc")),
		"error that is an int":  with("error", integer(1)),
		"key that is an int":    frame(wire.TypeHello, dict(integer(1), integer(1))),
		"nothing":               frame(wire.TypeHello, dict()),
		"frame of another type": wire.AppendStatus(nil, wire.Status{}),
	}
	for name, v := range numbers {
		for _, key := range []string{"version", "pid", "slots", "started", "exit"} {
			cases[key+" "+name] = with(key, v)
		}
	}
	for _, key := range []string{"timed", "upgrades", "messages"} {
		cases[key+" a str"] = with(key, text("True"))
	}
	return cases
}

// TestWrongHello: a worker with a HELLO that cannot be is not taken in, and ended; the log says why, and the others serve.
func TestWrongHello(t *testing.T) {
	for name, hello := range wrongHellos() {
		t.Run(name, func(t *testing.T) {
			log := logged{make(chan string, 1000)}
			p, f, ws := startPool(t, Way(true).Options(t, Options{Logger: slog.New(log)}), 1)
			log.expect(t, "is ready")
			p.Scale(2, 0)
			w := f.next()
			w.write(hello)
			w.disconnected()
			line := log.expect(t, "worker 2 did not start: protocol error: ")
			if len(line) > 1000 {
				t.Errorf("the log has a line of %d bytes", len(line))
			}
			if n := receive(t, f.aborted, "the end of the worker"); n != 2 {
				t.Errorf("worker %d is aborted", n)
			}
			answers(t, p, ws[0])
		})
	}
}

// answers wants an honest worker to get a request.
func answers(t *testing.T, p *Pool, w *fakeWorker) {
	t.Helper()
	r, c := ask(true)
	r.Interface = p.Interface()
	p.Submit(r)
	w.respond(complete(w.take().ID, "fine"))
	c.hears(t, "fine")
}

// wrongFrames has each field of what a worker sends later wrong. The worker has an open request with an id, and a WebSocket, of which it was
// told a message, with the next.
func wrongFrames() map[string]func(id int64) []byte {
	ok, empty, socket := text("200 OK"), sequence(), int64(1)
	cases := map[string]func(id int64) []byte{
		"id of nobody": func(int64) []byte { return response(integer(99), integer(0), ok, empty, none) },
		"id 2³¹":       func(int64) []byte { return response(integer(1<<31), integer(0), ok, empty, none) },
		"kind 7":       func(id int64) []byte { return response(integer(id), integer(7), ok, empty, none) },
		"kind 2³²":     func(id int64) []byte { return response(integer(id), integer(1<<32), ok, empty, none) },
		"status of 300 KiB": func(id int64) []byte {
			return response(integer(id), integer(0), text(strings.Repeat("2", 300<<10)), empty, none)
		},
		"2001 fields": func(id int64) []byte {
			return response(integer(id), integer(0), ok, sequence(manyFields(2001)...), none)
		},
		"an end unasked":   func(id int64) []byte { return response(integer(id), integer(3), integer(1), none, integer(1)) },
		"a return unasked": func(id int64) []byte { return response(integer(id), integer(4), none, none, none) },
		"a file of no file": func(id int64) []byte {
			return response(integer(id), integer(1), ok, empty, sequence(integer(0), integer(1)))
		},
		"a file beyond 2⁶³": func(id int64) []byte {
			return response(integer(id), integer(1), ok, empty, sequence(integer(1<<62), integer(1<<62)))
		},
		"a second accept":        func(int64) []byte { return response(integer(socket), integer(6), none, empty, none) },
		"overtime of 0":          func(int64) []byte { return frame(wire.TypeStatus, dict(text("overtime"), sequence(integer(0)))) },
		"overtime of 2³¹":        func(int64) []byte { return frame(wire.TypeStatus, dict(text("overtime"), sequence(integer(1<<31)))) },
		"2³²-1 overtimes":        func(int64) []byte { return frame(wire.TypeStatus, dict(text("overtime"), "[\xff\xff\xff\xff")) },
		"a message of nobody":    func(int64) []byte { return messagesOf(integer(99), integer(1), text("x")) },
		"a message of a request": func(id int64) []byte { return messagesOf(integer(id), integer(1), text("x")) },
		"a message of kind 7":    func(int64) []byte { return messagesOf(integer(socket), integer(7), text("x")) },
		"a credit too large":     func(int64) []byte { return messagesOf(integer(socket), integer(9), integer(told+wire.MessageCost+1)) },
		"a credit of 2⁶³-1":      func(int64) []byte { return messagesOf(integer(socket), integer(9), integer(1<<63-1)) },
		"a credit of a request":  func(id int64) []byte { return messagesOf(integer(id), integer(9), integer(1)) },
		"a credit twice": func(int64) []byte {
			one := messagesOf(integer(socket), integer(9), integer(told+wire.MessageCost))
			return append(one, messagesOf(integer(socket), integer(9), integer(1))...)
		},
		"a message too long": func(int64) []byte {
			return messagesOf(integer(socket), integer(1), text(strings.Repeat("x", 64<<10+1)))
		},
		"a piece of nothing": func(int64) []byte { return messagesOf(integer(socket), integer(0), "s\x00\x00\x00\x00") },
		"a message in a part": func(int64) []byte {
			return append(messagesOf(integer(socket), integer(17), "s\x00\x00\x00\x00"), messagesOf(integer(socket), integer(1), text("x"))...)
		},
		"more than a window": func(int64) (b []byte) {
			for range 4 {
				b = append(b, messagesOf(integer(socket), integer(1), text(strings.Repeat("x", 60<<10)))...)
			}
			return b
		},
		"a frame of 4 MiB and 1": func(int64) []byte { return []byte{1, 0, 0x40, 0, 3, 0, 0, 0} },
		"65 descriptors":         func(int64) []byte { return []byte{1, 0, 0, 0, 3, 65, 0, 0, 'N'} },
		"a descriptor that is none": func(int64) []byte {
			return []byte{1, 0, 0, 0, 99, 1, 0, 0, 'N'}
		},
		"a reserved byte": func(int64) []byte { return []byte{1, 0, 0, 0, 99, 0, 0, 1, 'N'} },
	}
	for name, v := range numbers {
		cases["id "+name] = func(int64) []byte { return response(v, integer(0), ok, empty, none) }
		cases["kind "+name] = func(id int64) []byte { return response(integer(id), v, ok, empty, none) }
		cases["a file's offset "+name] = func(id int64) []byte { return response(integer(id), integer(1), ok, empty, sequence(v, integer(1))) }
		cases["a file's count "+name] = func(id int64) []byte { return response(integer(id), integer(1), ok, empty, sequence(integer(1), v)) }
		cases["the size of a body "+name] = func(int64) []byte { return response(integer(socket), integer(3), integer(1), none, v) }
		cases["overtime of "+name] = func(int64) []byte { return frame(wire.TypeStatus, dict(text("overtime"), sequence(v))) }
		cases["a message of "+name] = func(int64) []byte { return messagesOf(v, integer(1), text("x")) }
		cases["a message of kind "+name] = func(int64) []byte { return messagesOf(integer(socket), v, text("x")) }
		cases["a credit of "+name] = func(int64) []byte { return messagesOf(integer(socket), integer(9), v) }
	}
	for _, key := range []string{"retire", "stopping", "changed"} {
		cases[key+" an int"] = func(int64) []byte { return frame(wire.TypeStatus, dict(text(key), integer(1))) }
	}
	return cases
}

// told is how long the message is that the worker gets, in bytes.
const told = 1000

func manyFields(n int) (all []object) {
	for range n {
		all = append(all, sequence(text("X"), text("x")))
	}
	return all
}

// TestWrongFields: a worker is disconnected for a field that cannot be, and ended; the log says why, its request fails, and another worker serves.
func TestWrongFields(t *testing.T) {
	for name, frames := range wrongFrames() {
		t.Run(name, func(t *testing.T) { testWrongField(t, frames) })
	}
}

func testWrongField(t *testing.T, frames func(id int64) []byte) {
	log := logged{make(chan string, 1000)}
	p, w, r, id, l := openSocket(t, Way(true).Options(t, Options{Logger: slog.New(log)}), true)
	log.expect(t, "is ready")
	f := p.eras[0].launcher.(*fake)
	if id != 1 {
		t.Fatalf("the WebSocket's id is %d", id)
	}
	p.Say(r, wire.Message{Kind: wire.MessageText, Data: []byte(strings.Repeat("x", told))})
	p.Flush()
	w.said()
	request, c := ask(false)
	request.Interface = ASGI
	p.Submit(request)
	b := frames(int64(w.take().ID))
	if err := w.conn.Sock().SetWriteDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.conn.Sock().Write(b); err != nil {
		t.Fatal(err)
	}
	w.disconnected()
	if line := log.expect(t, "worker 1 (pid 1001) was disconnected: protocol error: "); len(line) > 1000 {
		t.Errorf("the log has a line of %d bytes", len(line))
	}
	receive(t, f.aborted, "the end of the worker")
	c.fails(t, WorkerLost)
	for got := receive(t, l.heard, "the end of the WebSocket"); got.failure != WorkerLost; got = receive(t, l.heard, "the end of the WebSocket") {
		t.Errorf("heard %+v", got)
	}
	next := f.next().hello(1)
	log.expect(t, "is ready")
	answers(t, p, next)
}

// TestStrangeButLawful: what a worker may say, and what could be large of it, is bounded: texts are cut, requests that nobody waits for are passed
// over, and so is what follows the end of a WebSocket.
func TestStrangeButLawful(t *testing.T) {
	log := logged{make(chan string, 1000)}
	o := Options{Logger: slog.New(log), Changed: func(file string) {
		if len(file) > 4<<10 {
			t.Errorf("a file with a name of %d bytes", len(file))
		}
	}}
	p, w, r, id, l := openSocket(t, Way(true).Options(t, o), true)
	log.expect(t, "is ready")
	long := strings.Repeat("x", 1<<20)
	w.write(wire.AppendStatus(nil, wire.Status{Changed: long, Overtime: []uint32{5, 5, 1<<31 - 1}}))
	w.write(append(say(id, wire.MessageClose, "\x03\xe8"), say(id, wire.MessageText, "more")...))
	if got := receive(t, l.said, "the end"); got != "\x03\xe8" {
		t.Errorf("heard %q", got)
	}
	w.write(messagesOf(integer(int64(id)), integer(9), integer(1<<40))) // passed over
	w.respond(&wire.Response{ID: id, Kind: wire.End, OK: true, Count: 1<<63 - 1})
	receive(t, l.heard, "the end of the request")
	answers(t, p, w)
	nothing(t, l.said, "a message behind the end")
	w.status(wire.Status{Retire: long})
	if line := log.expect(t, "retires"); len(line) > 2000 {
		t.Errorf("the log has a line of %d bytes", len(line))
	}
	if r.Pid() != w.pid {
		t.Errorf("pid %d", r.Pid())
	}
}

// TestErrorOfAMiB: a worker says why it cannot start at great length. What is kept of that is bounded.
func TestErrorOfAMiB(t *testing.T) {
	f := newFake(t)
	p := New(f, Options{})
	t.Cleanup(p.Close)
	started := start(p, t.Context())
	f.next().write(wire.AppendHello(nil, wire.Hello{Version: 1, Error: strings.Repeat("x", 1<<20), Exit: ExitLoad}))
	if err := receive(t, started, "end of Start"); err == nil || len(err.Error()) > 100<<10 {
		t.Errorf("the error has %d bytes", len(err.Error()))
	}
}
